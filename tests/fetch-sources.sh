#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Usage: fetch-sources.sh PACKAGE...
#
# Unpacks source packages of the distribution into directories of their names below the current one, which had better
# be empty. The system's own lists and caches stay as they are, so this needs no root.

set -eu

# A deb-src line for each archive of the distribution that this system is configured to use, whatever form that has.
mkdir -p apt/lists/partial apt/archives/partial
apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
  while read -r origin uri release component; do
    case $origin in
      Debian) echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $release $component" ;;
      Ubuntu) echo "deb-src [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] $uri $release $component" ;;
    esac
  done | sort -u >apt/sources.list
if [ ! -s apt/sources.list ]; then
  echo "fetch-sources.sh: apt knows no archive with the sources of $* (apt-get update may help)" >&2
  exit 1
fi

# LIST ARGUMENT...: apt-get with a list of archives.
apt ()
{
  list=$1
  shift
  apt-get -q -o Dir::Etc::SourceList="$root/apt/$list" -o Dir::Etc::SourceParts=- \
    -o Dir::State::Lists="$root/apt/lists" -o Dir::Cache="$root/apt" -o APT::Sandbox::User= "$@"
}

# LIST PACKAGE
fetch ()
{
  rm -rf "$root/download"
  mkdir "$root/download"
  cd "$root/download"
  apt "$1" source --download-only "$2" && dpkg-source -x ./*.dsc "$root/$2"
}

# The newest; and the next best where a mirror does not have what its index names.
fetch_any ()
{
  ! fetch sources.list "$1" || return 0
  while read -r line; do
    echo "$line" >"$root/apt/single.list"
    ! fetch single.list "$1" || return 0
  done <"$root/apt/sources.list"
  return 1
}

root=$PWD
apt sources.list update
for package; do
  fetch_any "$package"
done
rm -r "$root/download"
