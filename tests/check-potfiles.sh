#!/bin/sh
# SPDX-FileCopyrightText: 2026 The LSocket authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-potfiles.sh SOURCE_ROOT ARGUMENT...: whether each message for users is marked, po/POTFILES.in names exactly the
# files with marked ones, the template has what xgettext finds with the arguments, and the translations are sound.

. "$(dirname "$0")/tap.sh"
cd "$1"
shift

mark='(^|[^A-Za-z0-9_])([NCQ]?_|NC_|g_d[cn]?p?gettext2?) ?\('

# Text in the arguments that users get to see. Formats that only join, and the program's name, are in no language.
list_unmarked ()
{
  # Its warnings are about what is to be translated.
  xgettext --language=C --from-code=UTF-8 --no-wrap --force-po --output="$scratch/unmarked.pot" --keyword \
    --keyword=g_error_new:3 --keyword=g_error_new_literal:3 --keyword=g_prefix_error:2 \
    --keyword=g_set_error:4 --keyword=g_set_error_literal:4 \
    --keyword=g_task_return_new_error:4 --keyword=g_task_return_new_error_literal:4 \
    --keyword=l_error_set:5 --keyword=l_socket_set_error:3 --keyword=fail_operation:3 --keyword=time_out:2 \
    --keyword=g_print:1 --keyword=g_printerr:1 --keyword=printf:1 --keyword=fprintf:2 --keyword=puts:1 \
    --keyword=fputs:1 --keyword=tool_print_error:1 --keyword=fail_usage:1 \
    --keyword=g_option_context_new:1 --keyword=g_option_context_set_summary:2 \
    --keyword=g_option_context_set_description:2 --keyword=g_option_group_new:2 \
    lsocket/*.[ch] 2>/dev/null || echo 'xgettext failed'
  awk '/^#:/ { where = $2 }
       /^(msgid )?"/ {
         text = $0
         sub (/^msgid /, "", text)
         gsub (/\\[a-z]|%[-+ #0-9.*]*[hlz]*[a-zA-Z]|lsocket/, "", text)
         if (text ~ /[A-Za-z][a-z]/ && where != "") print where ": " $0
       }' "$scratch/unmarked.pot"
}

# An entry is a name, then, marked, what it does and what stands for its value.
list_unmarked_options ()
{
  for file in $(grep -l GOptionEntry lsocket/*.c); do
    tr '\n\\' '  ' <"$file" | tr '{' '\n' | sed -n "s|}.*||; /G_OPTION_ARG_/s|^|$file: |p" |
      sed 's|N_ *("[^"]*")||g; s|"||; s|"||' | grep '"' || true
  done
}

# What translators see of a template, whenever and from whichever lines it was made.
list_messages ()
{
  msgcat --no-wrap --no-location --sort-output "$1" | sed '1,/^$/d'
}

make_template ()
{
  grep -v '^#' po/POTFILES.in | xgettext --files-from=- --output="$scratch/new.pot" "$@" &&
    list_messages "$scratch/new.pot" >"$scratch/new" && list_messages po/lsocket-1.pot >"$scratch/old"
}

# LANGUAGE: GNOME, too, calls a language supported from four fifths on.
is_translated ()
{
  all=$(grep -c '^msgid ' po/lsocket-1.pot)
  done=$(msgattrib --translated --no-fuzzy --no-obsolete "po/$1.po" | grep -c '^msgid ')
  echo "$((done - 1)) of $((all - 1)) messages"
  [ $((done * 5)) -ge $((all * 4)) ]
}

grep -v '^#' po/POTFILES.in >"$scratch/listed" || true
grep -lE "$mark" lsocket/*.[ch] | sort >"$scratch/translatable"
grep -v '^#' po/LINGUAS >"$scratch/languages"
ls po/*.po | sed 's|po/||; s|\.po||' | sort >"$scratch/translations"

check complete diff -u "$scratch/translatable" "$scratch/listed"
# xgettext ends a text where a macro begins: it would never be found again.
check no-macros silent grep -nE "$mark"'("([^"\\]|\\.)*" *)+[A-Za-z]' lsocket/*.[ch]
check linguas diff -u "$scratch/translations" "$scratch/languages"
if command -v xgettext >/dev/null; then
  check marked silent list_unmarked
  check marked-options silent list_unmarked_options
  check template make_template "$@"
  # Afterwards: meson compile lsocket-1-update-po
  check template-is-new diff -u "$scratch/old" "$scratch/new"
  while read -r language; do
    check "$language" msgfmt --check --output-file="$scratch/$language.mo" "po/$language.po"
    check "$language-translated" is_translated "$language"
  done <"$scratch/languages"
fi
done_testing
