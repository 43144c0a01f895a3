# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later

set -l commands connect listen monitor resolve

# The sockets of the runtime directory, by their plain names.
function __lsocket_names
    set -l directory $XDG_RUNTIME_DIR
    test -n "$directory"; or set directory /run/user/(id -u)
    for path in $directory/*
        test -S $path; and string replace -r '.*/' '' -- $path
    end
end

function __lsocket_wants_name
    not string match -q -- '*/*' (commandline -ct)
end

complete -c lsocket -n "not __fish_seen_subcommand_from $commands" -f
complete -c lsocket -n "not __fish_seen_subcommand_from $commands" -a connect -d 'Join standard input and output to a server'
complete -c lsocket -n "not __fish_seen_subcommand_from $commands" -a listen -d 'Serve a client on standard input and output'
complete -c lsocket -n "not __fish_seen_subcommand_from $commands" -a monitor -d 'Print what clients and a server say'
complete -c lsocket -n "not __fish_seen_subcommand_from $commands" -a resolve -d 'Print the address of a name'
complete -c lsocket -n "not __fish_seen_subcommand_from $commands" -l version -d 'Print the version'

complete -c lsocket -s h -l help -d 'Print the options'
complete -c lsocket -s v -l verbose -d 'Print each signal'
complete -c lsocket -n "__fish_seen_subcommand_from $commands; and __lsocket_wants_name" -f -a '(__lsocket_names)'
complete -c lsocket -n "__fish_seen_subcommand_from $commands" -l abstract -d 'A name of the abstract namespace'
complete -c lsocket -n "__fish_seen_subcommand_from $commands" -l temp-directory -d 'A name in the temporary directory'
complete -c lsocket -n '__fish_seen_subcommand_from connect listen' -l linger -x -d 'How long to wait for the end of the answer'
complete -c lsocket -n '__fish_seen_subcommand_from connect listen' -l progress -d 'Show how far a copy is'
complete -c lsocket -n '__fish_seen_subcommand_from connect listen' -l no-progress -d 'Do not show how far a copy is'
complete -c lsocket -n '__fish_seen_subcommand_from connect monitor' -l timeout -x -d 'How long to try a busy server'
complete -c lsocket -n '__fish_seen_subcommand_from listen monitor' -l access -x -a 'user group other world' -d 'Who may connect'
complete -c lsocket -n '__fish_seen_subcommand_from listen' -l keep-open -d 'Serve more clients'
complete -c lsocket -n '__fish_seen_subcommand_from listen' -l echo -d 'Send back what comes'
complete -c lsocket -n '__fish_seen_subcommand_from listen' -l exec -x -a '(__fish_complete_command)' -d 'Join each client to a process'
complete -c lsocket -n '__fish_seen_subcommand_from monitor' -l hex -d 'Print numbers'
