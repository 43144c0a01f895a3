# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# complete.zsh FUNCTIONS FILE LINE: writes what the completion in the directory offers for the line to the file, a match a
# line. The shell completes only what is typed into a terminal, so another one is given one.

setup='
fpath=($LSOCKET_FUNCTIONS $fpath)
file=$LSOCKET_MATCHES
autoload -Uz compinit
compinit -u -d $HOME/zcompdump
bindkey "^I" complete-word

# Those calls that ask what would match are not the ones that offer it.
compadd ()
{
  local -a found

  if [[ ${@[1,(i)(-|--)]} != *-[12a-zJ-X]#[ADO]* ]]; then
    builtin compadd -O found "$@"
    print -rl -- $found >>$file
  fi
  builtin compadd "$@"
}

finish ()
{
  touch $file.done
}
comppostfuncs=(finish)
touch $file.ready
'

# FILE
wait_for ()
{
  repeat 600; do
    [[ ! -e $1 ]] || return 0
    sleep 0.05
  done
  return 1
}

export LSOCKET_FUNCTIONS=$1 LSOCKET_MATCHES=$2
file=$2
print -r -- $setup >$file.setup
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "source $file.setup"
wait_for $file.ready || exit 1
zpty -w -n shell "$3"$'\t'
wait_for $file.done
result=$?
zpty -d shell
rm -f $file.ready $file.setup
exit $result
