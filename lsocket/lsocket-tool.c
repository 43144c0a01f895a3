/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include "lsocket-tool-private.h"

#include "l-address-private.h"
#include "l-error-private.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

/* The program `lsocket`: options, sub-commands and exit codes. It uses the public functions alone, except that
 * `resolve` and `monitor` ask the library's own rule for names, which has no public function. */

/* What a peer gets for its answer that cannot be told that nothing more will come. */
#define LINGER 500

static gboolean opt_version;
static gboolean opt_verbose;
static gboolean opt_abstract;
static gboolean opt_temp_directory;
static gboolean opt_keep_open;
static gboolean opt_echo;
static gboolean opt_hex;
static gboolean opt_progress;
static gboolean opt_no_progress;
static char *opt_exec;
static char **opt_names;
static int opt_timeout = L_SOCKET_DEFAULT_TIMEOUT;
static int opt_linger = -1;
static LServerOptions opt_access = L_SERVER_OPTIONS_NONE;

static gboolean is_over;
static int exit_status;

int
tool_status_from_error (LSocketError error)
{
  switch (error)
    {
    case L_SOCKET_ERROR_CONNECTION_REFUSED:
    case L_SOCKET_ERROR_SERVER_NOT_FOUND:
      return TOOL_STATUS_NO_SERVER;
    case L_SOCKET_ERROR_ACCESS:
      return TOOL_STATUS_ACCESS;
    case L_SOCKET_ERROR_TIMEOUT:
      return TOOL_STATUS_TIMEOUT;
    case L_SOCKET_ERROR_ADDRESS_IN_USE:
      return TOOL_STATUS_IN_USE;
    case L_SOCKET_ERROR_PEER_CLOSED:
    case L_SOCKET_ERROR_CONNECTION:
      return TOOL_STATUS_IO;
    case L_SOCKET_ERROR_UNKNOWN:
    case L_SOCKET_ERROR_RESOURCE:
    case L_SOCKET_ERROR_DATAGRAM_TOO_LARGE:
    case L_SOCKET_ERROR_UNSUPPORTED_OPERATION:
    case L_SOCKET_ERROR_OPERATION:
    default:
      return TOOL_STATUS_FAILED;
    }
}

void
tool_print_error (const char *format,
                  ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  tool_progress_make_way ();
  g_printerr ("lsocket: %s\n", text);
}

static int
print_output (const char *format,
              ...) G_GNUC_PRINTF (1, 2);

/* Where nobody reads it any more: as after SIGPIPE, and as quietly. */
static int
print_output (const char *format,
              ...)
{
  gboolean done;
  va_list args;

  va_start (args, format);
  done = vprintf (format, args) >= 0 && fflush (stdout) == 0;
  va_end (args);

  if (done)
    return TOOL_STATUS_OK;
  if (errno == EPIPE)
    return TOOL_STATUS_PIPE;

  tool_print_error (_("Cannot write to standard output: %s"), g_strerror (errno));
  return TOOL_STATUS_IO;
}

/* The loop */

static void
quit (int status)
{
  exit_status = status;
  is_over = TRUE;
}

static void
on_signal (int number)
{
  quit (TOOL_STATUS_SIGNAL + number);
}

static int
run_loop (void)
{
  while (!is_over)
    g_main_context_iteration (NULL, TRUE);

  return exit_status;
}

/* connect */

static void
on_connect_ended (ToolRelay *relay,
                  gpointer   unused)
{
  quit (tool_relay_get_status (relay));
}

static LSocketOptions
get_name_options (void)
{
  LSocketOptions options = L_SOCKET_OPTIONS_NONE;

  if (opt_abstract)
    options |= L_SOCKET_OPTIONS_ABSTRACT_NAMESPACE;
  if (opt_temp_directory)
    options |= L_SOCKET_OPTIONS_TEMP_DIRECTORY;

  return options;
}

/* Where nobody has a say, a line that moves must not get in the way of what is typed and read. */
static void
choose_progress (void)
{
  if (opt_progress || (!opt_no_progress && !opt_verbose && tool_stdio_has_free_terminal ()))
    tool_progress_enable ();
}

static int
run_connect (char **names)
{
  g_autoptr(LSocket) socket = l_socket_new ();
  g_autoptr(ToolRelay) relay = tool_relay_new (socket, on_connect_ended, NULL);

  l_socket_set_options (socket, get_name_options ());
  l_socket_set_connect_timeout (socket, opt_timeout);

  choose_progress ();
  tool_stdio_prepare ();
  tool_trace_object (socket, "socket");
  tool_relay_set_stdio (relay, TRUE, FALSE);
  tool_relay_set_linger (relay, opt_linger);
  tool_relay_start (relay);
  l_socket_connect_to_server (socket, names[0], L_OPEN_MODE_READ_WRITE);

  return run_loop ();
}

/* listen */

typedef struct
{
  LServer    *server;  /* (owned) */
  char      **argv;    /* (owned) (nullable), the command for each client */
  GPtrArray  *relays;  /* (element-type ToolRelay) */
  guint       n_clients;
  gboolean    input_ended;
} Listener;

static void serve (Listener *self);

static void
on_client_ended (ToolRelay *relay,
                 gpointer   user_data)
{
  Listener *self = user_data;
  int status = tool_relay_get_status (relay);

  /* Later clients would find it as broken. */
  if (!opt_keep_open || tool_relay_get_output_failed (relay))
    quit (status);

  self->input_ended = tool_relay_get_input_ended (relay);
  g_ptr_array_remove_fast (self->relays, relay);
  if (!is_over)
    serve (self);
}

static void
serve_client (Listener *self,
              LSocket  *socket)
{
  g_autofree char *label = g_strdup_printf ("client %u", ++self->n_clients);
  ToolRelay *relay = tool_relay_new (socket, on_client_ended, self);

  g_ptr_array_add (self->relays, relay);
  tool_trace_object (socket, label);
  tool_trace_print (socket, "accepted");

  if (opt_echo)
    tool_relay_set_echo (relay);
  else if (self->argv != NULL)
    tool_relay_set_command (relay, self->argv);
  else
    tool_relay_set_stdio (relay, !self->input_ended, opt_keep_open);
  tool_relay_set_linger (relay, opt_linger);
  tool_relay_start (relay);
}

/* Takes the clients that wait. Standard input and output serve one at a time. */
static void
serve (Listener *self)
{
  gboolean is_shared = opt_echo || self->argv != NULL;

  while (is_shared || self->relays->len == 0)
    {
      g_autoptr(LSocket) socket = l_server_next_pending_connection (self->server);

      if (socket == NULL)
        return;

      if (!opt_keep_open)
        l_server_close (self->server);
      serve_client (self, socket);
    }
}

static void
on_server_error (LServer *server)
{
  tool_print_error ("%s", l_server_get_error_string (server));
}

static LServerOptions
get_server_options (void)
{
  LServerOptions options = opt_access;

  if (opt_abstract)
    options |= L_SERVER_OPTIONS_ABSTRACT_NAMESPACE;
  if (opt_temp_directory)
    options |= L_SERVER_OPTIONS_TEMP_DIRECTORY;

  return options;
}

static int
listen_and_serve (Listener   *self,
                  const char *name)
{
  g_autoptr(GError) error = NULL;

  tool_trace_object (self->server, "server");
  g_signal_connect (self->server, "error", G_CALLBACK (on_server_error), NULL);
  g_signal_connect_swapped (self->server, "new-connection", G_CALLBACK (serve), self);
  l_server_set_options (self->server, get_server_options ());

  if (!l_server_listen (self->server, name, &error))
    {
      tool_print_error ("%s", error->message);
      return tool_status_from_error (error->code);
    }

  return run_loop ();
}

static int
run_listen (char **names)
{
  Listener self = { 0 };
  g_autoptr(GError) error = NULL;
  int status;

  if (opt_exec != NULL && !g_shell_parse_argv (opt_exec, NULL, &self.argv, &error))
    {
      tool_print_error ("%s", error->message);
      return TOOL_STATUS_USAGE;
    }

  if (!opt_echo && opt_exec == NULL)
    {
      choose_progress ();
      tool_stdio_prepare ();
    }

  self.server = l_server_new ();
  self.relays = g_ptr_array_new_with_free_func ((GDestroyNotify) tool_relay_free);
  status = listen_and_serve (&self, names[0]);

  l_server_close (self.server);
  g_ptr_array_unref (self.relays);
  g_object_unref (self.server);
  g_strfreev (self.argv);
  return status;
}

/* monitor */

static void
on_monitor_ended (int      status,
                  gpointer unused)
{
  quit (status);
}

static int
run_monitor (char **names)
{
  g_autoptr(ToolMonitor) monitor = NULL;
  g_autoptr(GError) error = NULL;
  gboolean done;

  tool_stdio_prepare ();
  monitor = tool_monitor_new (opt_hex, on_monitor_ended, NULL);
  tool_monitor_set_server (monitor, get_name_options (), opt_timeout);
  if (names[1] != NULL)
    done = tool_monitor_listen (monitor, names[0], names[1], get_server_options (), &error);
  else
    done = tool_monitor_take_place (monitor, names[0], opt_access, &error);

  if (!done)
    {
      tool_print_error ("%s", error->message);
      return tool_status_from_error (error->code);
    }

  return run_loop ();
}

/* resolve */

static int
run_resolve (char **names)
{
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL;

  address = l_address_resolve (names[0], get_name_options (), L_OPERATION_CONNECT, &error);
  if (address == NULL)
    {
      tool_print_error ("%s", error->message);
      return tool_status_from_error (error->code);
    }

  /* The bytes as they are: a script may go on with them. The “@” is how tools show abstract names. */
  text = l_address_to_name (address);
  return print_output ("%s%s\n", l_address_is_abstract (address) ? "@" : "", text);
}

/* Options */

static gboolean
parse_access (const char  *option,
              const char  *value,
              gpointer     data,
              GError     **error)
{
  static const struct
  {
    const char    *name;
    LServerOptions options;
  } accesses[] = {
    { "user", L_SERVER_OPTIONS_USER_ACCESS },
    { "group", L_SERVER_OPTIONS_GROUP_ACCESS },
    { "other", L_SERVER_OPTIONS_OTHER_ACCESS },
    { "world", L_SERVER_OPTIONS_WORLD_ACCESS },
  };
  /* Of an empty string g_strsplit() makes no word, and not an empty one. */
  g_auto(GStrv) words = g_strsplit (*value != '\0' ? value : ",", ",", -1);

  for (guint i = 0; words[i] != NULL; i++)
    {
      guint n = 0;

      while (n < G_N_ELEMENTS (accesses) && strcmp (words[i], accesses[n].name) != 0)
        n++;
      if (n == G_N_ELEMENTS (accesses))
        {
          g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                       /* TRANSLATORS: these four words are given as they are in every language. */
                       _("“%s” is none of user, group, other and world"), words[i]);
          return FALSE;
        }

      opt_access |= accesses[n].options;
    }

  return TRUE;
}

/* Before the command and after it. */
#define VERBOSE_ENTRY                                   \
  { "verbose", 'v', 0, G_OPTION_ARG_NONE, &opt_verbose, \
    N_("Print each signal with the state to standard error"), NULL }

static const GOptionEntry global_entries[] = {
  { "version", 0, 0, G_OPTION_ARG_NONE, &opt_version, N_("Print the version and exit"), NULL },
  VERBOSE_ENTRY,
  G_OPTION_ENTRY_NULL
};

static const GOptionEntry name_entries[] = {
  VERBOSE_ENTRY,
  { "abstract", 0, 0, G_OPTION_ARG_NONE, &opt_abstract, N_("The name is one of Linux’s abstract namespace"), NULL },
  { "temp-directory", 0, 0, G_OPTION_ARG_NONE, &opt_temp_directory,
    N_("A plain name lives in the temporary directory, as with Qt"), NULL },
  G_OPTION_ENTRY_NULL
};

/* TRANSLATORS: what stands for the name of a socket. */
#define NAME_ENTRY { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &opt_names, NULL, N_("NAME") }

/* TRANSLATORS: the “MS” of the next message stands for a number of milliseconds. */
#define TIMEOUT_ENTRY                                \
  { "timeout", 0, 0, G_OPTION_ARG_INT, &opt_timeout, \
    N_("How long to try a busy server; 0: not at all, negative: without end"), N_("MS") }

/* TRANSLATORS: these four words are given as they are in every language. “WHO”, the next message, stands for them. */
#define ACCESS_ENTRY                                                      \
  { "access", 0, 0, G_OPTION_ARG_CALLBACK, (gpointer) parse_access,       \
    N_("Who may connect: user, group, other, world"), N_("WHO") }

#define PROGRESS_ENTRIES                                                               \
  { "progress", 0, 0, G_OPTION_ARG_NONE, &opt_progress,                                \
    N_("Show on standard error how far a copy is, even if that is no terminal"), NULL }, \
  { "no-progress", 0, 0, G_OPTION_ARG_NONE, &opt_no_progress,                          \
    N_("Do not show how far a copy is"), NULL }

#define LINGER_ENTRY                                 \
  { "linger", 0, 0, G_OPTION_ARG_INT, &opt_linger,   \
    N_("How long to stay at the end of the input while nothing comes; negative: without end"), N_("MS") }

static const GOptionEntry connect_entries[] = {
  LINGER_ENTRY,
  TIMEOUT_ENTRY,
  PROGRESS_ENTRIES,
  NAME_ENTRY,
  G_OPTION_ENTRY_NULL
};

static const GOptionEntry listen_entries[] = {
  LINGER_ENTRY,
  { "keep-open", 0, 0, G_OPTION_ARG_NONE, &opt_keep_open, N_("Serve more clients after the first"), NULL },
  { "echo", 0, 0, G_OPTION_ARG_NONE, &opt_echo, N_("Send back what comes"), NULL },
  /* TRANSLATORS: what stands for a command line: --exec=COMMAND */
  { "exec", 0, 0, G_OPTION_ARG_FILENAME, &opt_exec, N_("Join each client to a new process"), N_("COMMAND") },
  ACCESS_ENTRY,
  PROGRESS_ENTRIES,
  NAME_ENTRY,
  G_OPTION_ENTRY_NULL
};

static const GOptionEntry monitor_entries[] = {
  { "hex", 0, 0, G_OPTION_ARG_NONE, &opt_hex, N_("Print bytes as hexadecimal numbers"), NULL },
  ACCESS_ENTRY,
  TIMEOUT_ENTRY,
  /* TRANSLATORS: arguments of the command line: a name, and perhaps another one, that of a server. */
  { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &opt_names, NULL, N_("NAME [SERVER]") },
  G_OPTION_ENTRY_NULL
};

static const GOptionEntry resolve_entries[] = {
  NAME_ENTRY,
  G_OPTION_ENTRY_NULL
};

typedef struct
{
  const char         *name;
  const char         *summary;
  const char         *examples;
  const GOptionEntry *entries;
  guint               max_names;
  int              (* run) (char **names);
} Command;

static const Command commands[] = {
  {
    "connect", N_("Joins standard input and output to the server of that name."),
    "  echo hello | lsocket connect market\n"
    "  tar c pictures | lsocket connect copy\n"
    "  lsocket connect --timeout 0 /run/sort/socket <numbers",
    connect_entries, 1, run_connect
  },
  {
    "listen", N_("Serves a client at that name on standard input and output."),
    "  lsocket listen market\n"
    "  lsocket listen copy </dev/null | tar x\n"
    "  lsocket listen --keep-open --access user,group --exec 'sort -n' /run/sort/socket",
    listen_entries, 1, run_listen
  },
  {
    "monitor", N_("Prints what clients and the server of that name say to each other."),
    "  lsocket monitor market\n"
    "  lsocket monitor --hex /run/sort/socket | tee traffic\n"
    "  lsocket monitor front market",
    monitor_entries, 2, run_monitor
  },
  {
    "resolve", N_("Prints the address that the name leads to."),
    "  lsocket resolve market\n"
    "  lsocket resolve --abstract market",
    resolve_entries, 1, run_resolve
  },
};

static const Command *
find_command (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (g_strcmp0 (name, commands[i].name) == 0)
      return &commands[i];

  return NULL;
}

static int
fail_usage (const char *format,
            ...) G_GNUC_PRINTF (1, 2);

static int
fail_usage (const char *format,
            ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  tool_print_error ("%s", text);
  /* TRANSLATORS: the string is “lsocket” or, as an example, “lsocket listen”. */
  g_printerr (_("Try “%s --help”.\n"), g_get_prgname ());
  return TOOL_STATUS_USAGE;
}

static char *
describe_examples (const char *examples)
{
  return g_strdup_printf ("%s\n%s", _("Examples:"), examples);
}

static int
run_command (const Command  *command,
             char         ***argv)
{
  g_autofree char *program = g_strdup_printf ("lsocket %s", command->name);
  g_autofree char *examples = describe_examples (command->examples);
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);
  g_autoptr(GError) error = NULL;

  g_set_prgname (program);
  g_option_context_set_summary (context, _(command->summary));
  g_option_context_set_description (context, examples);
  g_option_context_add_main_entries (context, name_entries, GETTEXT_PACKAGE);
  g_option_context_add_main_entries (context, command->entries, GETTEXT_PACKAGE);
  if (!g_option_context_parse_strv (context, argv, &error))
    return fail_usage ("%s", error->message);
  if (opt_names == NULL || g_strv_length (opt_names) > command->max_names)
    return fail_usage ("%s", command->max_names == 1 ? _("There must be one name") : _("There must be one name, or two"));
  if (opt_echo && opt_exec != NULL)
    return fail_usage ("%s", _("--echo and --exec exclude each other"));
  if (opt_progress && opt_no_progress)
    return fail_usage ("%s", _("--progress and --no-progress exclude each other"));

  if (opt_verbose)
    tool_trace_enable ();
  return command->run (opt_names);
}

static char *
describe_commands (void)
{
  GString *text = g_string_new (_("Commands:"));

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    g_string_append_printf (text, "\n  %-9s %s", commands[i].name, _(commands[i].summary));
  /* TRANSLATORS: COMMAND is the word of the line of usage, “COMMAND NAME”. */
  g_string_append_printf (text, "\n\n%s", _("“lsocket COMMAND --help” tells the options of a command."));

  return g_string_free (text, FALSE);
}

static int
run (char ***argv)
{
  /* TRANSLATORS: what stands for a command, such as listen, and for the name of a socket. */
  g_autoptr(GOptionContext) context = g_option_context_new (_("COMMAND NAME"));
  g_autofree char *description = describe_commands ();
  g_autofree char *examples = describe_examples ("  lsocket listen market\n"
                                                 "  echo hello | lsocket connect market\n"
                                                 "  lsocket monitor market");
  g_auto(GStrv) rest = NULL;
  g_autoptr(GError) error = NULL;
  const Command *command;

  g_set_prgname ("lsocket");
  /* What follows the command is the command's. */
  g_option_context_set_strict_posix (context, TRUE);
  g_option_context_set_summary (context, description);
  g_option_context_set_description (context, examples);
  g_option_context_add_main_entries (context, global_entries, GETTEXT_PACKAGE);
  if (!g_option_context_parse_strv (context, argv, &error))
    return fail_usage ("%s", error->message);

  if (opt_version)
    return print_output ("lsocket %u.%u.%u\n", lsocket_get_major_version (), lsocket_get_minor_version (),
                         lsocket_get_micro_version ());

  if ((*argv)[1] == NULL)
    return fail_usage ("%s", _("There must be a command"));

  command = find_command ((*argv)[1]);
  if (command == NULL)
    return fail_usage (_("There is no command “%s”"), (*argv)[1]);

  rest = g_strdupv (*argv + 1);
  return run_command (command, &rest);
}

int
main (int    argc,
      char **argv)
{
  g_auto(GStrv) arguments = tool_process_get_arguments (argv);
  int status;

  setlocale (LC_ALL, "");
  l_error_bind_text_domain ();
  textdomain (GETTEXT_PACKAGE);

  if (!tool_process_has_half_close ())
    opt_linger = LINGER;

  tool_stdio_init ();
  tool_process_watch_signals (on_signal);

  status = run (&arguments);
  tool_progress_end ();
  tool_stdio_restore ();
  return status;
}
