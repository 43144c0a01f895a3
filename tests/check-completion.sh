#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-completion.sh DIRECTORY TOOL: what bash, zsh and fish offer for a line that begins with `lsocket`, by the files in
# the directory, and whether that is what the tool has.

. "$(dirname "$0")/tap.sh"
directory=$(realpath "$1")
tool=$(realpath "$2")
HOME=$scratch
XDG_RUNTIME_DIR=$scratch/run
XDG_CONFIG_HOME=$scratch/config
XDG_DATA_HOME=$scratch/data
LC_ALL=C.UTF-8
export HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME XDG_DATA_HOME LC_ALL
mkdir -m 700 "$XDG_RUNTIME_DIR" "$XDG_CONFIG_HOME" "$XDG_DATA_HOME"
touch "$XDG_RUNTIME_DIR/file"

# A socket that nobody listens at is one as well.
"$tool" listen --keep-open --echo market </dev/null &
server=$!
trap 'kill $server || true; rm -rf "$scratch"' EXIT
n=0
until [ -S "$XDG_RUNTIME_DIR/market" ] || [ $n = 200 ]; do
  n=$((n + 1))
  sleep 0.05
done

# LINE: what is offered for its last word, one a line.
complete_bash ()
{
  bash --norc -c '
    . "$1"
    compopt () { :; }
    read -r -a COMP_WORDS <<<"$2"
    [[ $2 != *" " ]] || COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _lsocket
    printf "%s\n" "${COMPREPLY[@]}"' bash "$directory/lsocket.bash-completion" "$1"
}

complete_fish ()
{
  fish --no-config -c 'source $argv[1]; complete -C "$argv[2]"' "$directory/lsocket.fish" "$1" | cut -f 1
}

complete_zsh ()
{
  rm -f "$scratch/matches" "$scratch/matches.done"
  zsh -f "$(dirname "$0")/complete.zsh" "$functions" "$scratch/matches" "$1" && cat "$scratch/matches"
}

# SHELL LINE WORD...: the words are offered, and none that begins with "!".
offers ()
{
  shell=$1
  line=$2
  shift 2
  "complete_$shell" "$line" >"$scratch/offered" 2>&1 || true
  for word; do
    case $word in
      !*) ! grep -qxF -e "${word#!}" "$scratch/offered" ;;
      *) grep -qxF -e "$word" "$scratch/offered" ;;
    esac || { echo "$word for “$line”"; cat "$scratch/offered"; return 1; }
  done
}

functions=$scratch/functions
mkdir "$functions"
ln -s "$directory/lsocket.zsh-completion" "$functions/_lsocket"

# SHELL: the same of each.
check_shell ()
{
  check "$1/commands" offers "$1" 'lsocket ' connect listen monitor resolve !market !--hex
  check "$1/command" offers "$1" 'lsocket mon' monitor !listen
  check "$1/global-options" offers "$1" 'lsocket --v' --version --verbose !--abstract
  check "$1/names" offers "$1" 'lsocket connect ' market !file !connect
  check "$1/name" offers "$1" 'lsocket monitor mar' market
  check "$1/paths" offers "$1" "lsocket resolve $XDG_RUNTIME_DIR/fi" "$2"
  check "$1/access" offers "$1" 'lsocket listen --access ' user group other world !market
  for command in connect listen monitor resolve; do
    check "$1/options-$command" offers_options "$1" "$command"
  done
}

# SHELL COMMAND: each option that its help tells of, and no other.
offers_options ()
{
  "$tool" "$2" --help | sed -n 's/^  \(-., \)\?\(--[a-z-]*\).*/\2/p' | sort -u >"$scratch/wanted"
  [ -s "$scratch/wanted" ]
  "complete_$1" "lsocket $2 --" | sed 's/=$//' | grep '^--' | sort -u >"$scratch/offered"
  diff -u "$scratch/wanted" "$scratch/offered"
}

check_shell bash "$XDG_RUNTIME_DIR/file"
for shell in fish zsh; do
  if command -v $shell >/dev/null; then
    check_shell $shell "$([ $shell = zsh ] && echo file || echo "$XDG_RUNTIME_DIR/file")"
  else
    n_cases=$((n_cases + 1))
    echo "ok $n_cases $shell # SKIP there is no $shell"
  fi
done
done_testing
