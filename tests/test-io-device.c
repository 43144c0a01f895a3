/* SPDX-FileCopyrightText: 2026 The LSocket authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "config.h"

#include <string.h>

#include "lsocket/l-enums.h"
#include "lsocket/l-io-device-private.h"

#define KIB 1024

/* A device in memory: what the system holds for it and takes from it is the test's to say. */

#define TEST_TYPE_DEVICE (test_device_get_type ())
G_DECLARE_FINAL_TYPE (TestDevice, test_device, TEST, DEVICE, LIODevice)

typedef void (* TestHook) (TestDevice *device);

struct _TestDevice
{
  LIODevice parent_instance;

  /* The script */
  GByteArray   *incoming;
  gboolean      ended;       /* the peer has shut down its output */
  gboolean      hung_up;
  gsize         room;        /* what the system takes */
  GError       *read_error;  /* (owned) (nullable): what reading fails with when incoming is empty */
  GError       *write_error; /* (owned) (nullable): what writing fails with when there is no room */
  gboolean      opens;       /* wait_until_open() succeeds */

  /* The record */
  GByteArray   *sent;
  GIOCondition  condition;
  guint         n_reads;
  guint         n_writes;
  guint         n_waits;
  GIOCondition  last_waited_for;
  guint         n_drained;
  guint         n_descriptions;
  guint         n_shutdowns;
  GString      *log;

  /* What must not happen, and what happens beside it */
  gboolean      in_write;
  gboolean      in_ready_read;
  gboolean      in_bytes_written;
  TestHook      on_ready_read;
  TestHook      on_bytes_written;
  TestHook      on_about_to_close;
  TestHook      on_input_ended;
  TestHook      on_failed;
  TestHook      on_wait;
  TestDevice   *other;       /* (unowned) */
  GString      *taken;       /* what the hooks have read */
};

G_DEFINE_FINAL_TYPE (TestDevice, test_device, L_TYPE_IO_DEVICE)

G_GNUC_PRINTF (2, 3) static void
record (TestDevice *self,
        const char *format,
        ...)
{
  va_list args;

  if (self->log->len > 0)
    g_string_append_c (self->log, ' ');
  va_start (args, format);
  g_string_append_vprintf (self->log, format, args);
  va_end (args);
}

static void
run_hook (TestDevice *self,
          TestHook    hook)
{
  if (hook != NULL)
    hook (self);
}

static GIOCondition
get_ready (TestDevice *self)
{
  GIOCondition ready = 0;

  if (self->incoming->len > 0 || self->ended || self->hung_up || self->read_error != NULL)
    ready |= G_IO_IN;
  if (self->ended || self->hung_up)
    ready |= L_IO_RDHUP;
  if (self->hung_up)
    ready |= G_IO_HUP;
  if (self->room > 0 || self->hung_up || self->write_error != NULL)
    ready |= G_IO_OUT;

  return ready;
}

static GPollableReturn
test_device_read_data (LIODevice  *device,
                       void       *buffer,
                       gsize       count,
                       gsize      *n_read,
                       GError    **error)
{
  TestDevice *self = TEST_DEVICE (device);

  self->n_reads++;
  *n_read = MIN (count, self->incoming->len);
  if (*n_read > 0)
    {
      memcpy (buffer, self->incoming->data, *n_read);
      g_byte_array_remove_range (self->incoming, 0, *n_read);
      return G_POLLABLE_RETURN_OK;
    }

  if (self->read_error != NULL)
    {
      if (error != NULL)
        *error = g_error_copy (self->read_error);
      return G_POLLABLE_RETURN_FAILED;
    }

  return (self->ended || self->hung_up) ? G_POLLABLE_RETURN_OK : G_POLLABLE_RETURN_WOULD_BLOCK;
}

static GPollableReturn
test_device_write_data (LIODevice            *device,
                        const GOutputVector  *vectors,
                        gsize                 n_vectors,
                        gsize                *n_written,
                        GError              **error)
{
  TestDevice *self = TEST_DEVICE (device);

  /* A loop that never ends ends here. */
  self->n_writes++;
  g_assert_cmpuint (self->n_writes, <, 10000);
  g_assert_cmpuint (n_vectors, >, 0);

  *n_written = 0;
  if (self->room == 0 && self->write_error != NULL)
    {
      if (error != NULL)
        *error = g_error_copy (self->write_error);
      return G_POLLABLE_RETURN_FAILED;
    }
  if (self->room == 0)
    return G_POLLABLE_RETURN_WOULD_BLOCK;

  for (gsize i = 0; i < n_vectors && self->room > 0; i++)
    {
      gsize count = MIN (vectors[i].size, self->room);

      g_byte_array_append (self->sent, vectors[i].buffer, count);
      *n_written += count;
      if (self->room != G_MAXSIZE)
        self->room -= count;
    }

  return G_POLLABLE_RETURN_OK;
}

static GPollableReturn
test_device_flush_data (LIODevice  *device,
                        GError    **error)
{
  return G_POLLABLE_RETURN_OK;
}

static void
test_device_set_condition (LIODevice    *device,
                           GIOCondition  condition)
{
  TEST_DEVICE (device)->condition = condition;
}

static GIOCondition
test_device_wait (LIODevice    *device,
                  GIOCondition  condition,
                  gint64        deadline,
                  GCancellable *cancellable,
                  GCancellable *wake)
{
  TestDevice *self = TEST_DEVICE (device);
  GIOCondition ready;

  self->n_waits++;
  self->last_waited_for = condition;
  g_assert_cmpuint (self->n_waits, <, 1000);
  if (g_cancellable_is_cancelled (cancellable))
    return 0;

  run_hook (self, self->on_wait);
  ready = get_ready (self) & (condition | G_IO_HUP);
  if (ready == 0 && deadline < 0 && !g_cancellable_is_cancelled (wake))
    g_error ("This would block for ever");

  /* Nothing more will come before the deadline. */
  return ready;
}

static gboolean
test_device_wait_until_open (LIODevice *device,
                             gint64     deadline)
{
  TestDevice *self = TEST_DEVICE (device);

  if (self->opens)
    {
      self->opens = FALSE;
      l_io_device_set_open (device, L_OPEN_MODE_READ_WRITE);
    }

  return l_io_device_is_open (device);
}

static void
test_device_timed_out (LIODevice *device)
{
  record (TEST_DEVICE (device), "timed-out");
}

static void
test_device_input_ended (LIODevice    *device,
                         GIOCondition  condition)
{
  TestDevice *self = TEST_DEVICE (device);

  record (self, "input-ended");
  if (self->hung_up)
    l_io_device_drop_output (device);
  l_io_device_end_input (device);
  run_hook (self, self->on_input_ended);
}

static char *
test_device_describe_error (LIODevice *device)
{
  return g_strdup_printf ("broken %u", ++TEST_DEVICE (device)->n_descriptions);
}

static void
test_device_failed (LIODevice    *device,
                    const GError *error)
{
  TestDevice *self = TEST_DEVICE (device);

  record (self, "failed(%s)", error->message);
  self->condition = 0;
  l_io_device_end (device);
  run_hook (self, self->on_failed);
}

static void
test_device_output_drained (LIODevice *device)
{
  TEST_DEVICE (device)->n_drained++;
}

static gboolean
test_device_shutdown_output (LIODevice  *device,
                             GError    **error)
{
  TEST_DEVICE (device)->n_shutdowns++;
  return TRUE;
}

static void
test_device_end_output (LIODevice *device)
{
  TEST_DEVICE (device)->n_shutdowns++;
}

static GSource *
test_device_create_source (LIODevice    *device,
                           GIOCondition  condition)
{
  return NULL;
}

static gintptr
test_device_get_descriptor (LIODevice *device)
{
  return -1;
}

static const LIODeviceFuncs test_device_funcs = {
  .read_data = test_device_read_data,
  .write_data = test_device_write_data,
  .flush_data = test_device_flush_data,
  .set_condition = test_device_set_condition,
  .wait = test_device_wait,
  .wait_until_open = test_device_wait_until_open,
  .timed_out = test_device_timed_out,
  .input_ended = test_device_input_ended,
  .describe_error = test_device_describe_error,
  .failed = test_device_failed,
  .output_drained = test_device_output_drained,
  .shutdown_output = test_device_shutdown_output,
  .end_output = test_device_end_output,
  .create_source = test_device_create_source,
  .get_descriptor = test_device_get_descriptor,
};

static void
on_ready_read (LIODevice *device,
               gpointer   unused)
{
  TestDevice *self = TEST_DEVICE (device);

  g_assert_false (self->in_write);
  g_assert_false (self->in_ready_read);
  self->in_ready_read = TRUE;
  record (self, "ready-read");
  run_hook (self, self->on_ready_read);
  self->in_ready_read = FALSE;
}

static void
on_bytes_written (LIODevice *device,
                  guint64    count,
                  gpointer   unused)
{
  TestDevice *self = TEST_DEVICE (device);

  g_assert_false (self->in_write);
  g_assert_false (self->in_bytes_written);
  self->in_bytes_written = TRUE;
  record (self, "bytes-written(%" G_GUINT64_FORMAT ")", count);
  run_hook (self, self->on_bytes_written);
  self->in_bytes_written = FALSE;
}

static void
on_about_to_close (LIODevice *device,
                   gpointer   unused)
{
  TestDevice *self = TEST_DEVICE (device);

  record (self, "about-to-close");
  run_hook (self, self->on_about_to_close);
}

static void
on_read_channel_finished (LIODevice *device,
                          gpointer   unused)
{
  record (TEST_DEVICE (device), "read-channel-finished");
}

static gboolean
test_device_close (GIOStream     *stream,
                   GCancellable  *cancellable,
                   GError       **error)
{
  l_io_device_close (L_IO_DEVICE (stream));
  TEST_DEVICE (stream)->condition = 0;
  l_io_device_end (L_IO_DEVICE (stream));
  return TRUE;
}

static void
test_device_finalize (GObject *object)
{
  TestDevice *self = TEST_DEVICE (object);

  g_byte_array_unref (self->incoming);
  g_byte_array_unref (self->sent);
  g_clear_error (&self->read_error);
  g_clear_error (&self->write_error);
  g_string_free (self->log, TRUE);
  g_string_free (self->taken, TRUE);

  G_OBJECT_CLASS (test_device_parent_class)->finalize (object);
}

static void
test_device_class_init (TestDeviceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_device_finalize;
  G_IO_STREAM_CLASS (klass)->close_fn = test_device_close;
  L_IO_DEVICE_CLASS (klass)->funcs = &test_device_funcs;
}

static void
test_device_init (TestDevice *self)
{
  self->incoming = g_byte_array_new ();
  self->sent = g_byte_array_new ();
  self->log = g_string_new (NULL);
  self->taken = g_string_new (NULL);
  self->room = G_MAXSIZE;

  g_signal_connect (self, "ready-read", G_CALLBACK (on_ready_read), NULL);
  g_signal_connect (self, "bytes-written", G_CALLBACK (on_bytes_written), NULL);
  g_signal_connect (self, "about-to-close", G_CALLBACK (on_about_to_close), NULL);
  g_signal_connect (self, "read-channel-finished", G_CALLBACK (on_read_channel_finished), NULL);
}

static TestDevice *
device_new (LOpenMode mode)
{
  TestDevice *device = g_object_new (TEST_TYPE_DEVICE, NULL);

  if (mode != L_OPEN_MODE_NOT_OPEN)
    l_io_device_set_open (L_IO_DEVICE (device), mode);

  return device;
}

/* The peer */

static void
feed (TestDevice *device,
      const char *text)
{
  g_byte_array_append (device->incoming, (const guint8 *) text, strlen (text));
}

static guint8 *
make_bytes (gsize count)
{
  guint8 *bytes = g_malloc (count + 1);

  for (gsize i = 0; i < count; i++)
    bytes[i] = (guint8) (i * 7 + i / 251);

  return bytes;
}

/* Tells the device once what it waits for, as a reactor does. FALSE: nothing. */
static gboolean
deliver (TestDevice *device)
{
  GIOCondition ready = get_ready (device) & (device->condition | G_IO_HUP);

  if (device->condition == 0 || ready == 0)
    return FALSE;

  g_object_ref (device);
  l_io_device_dispatch (L_IO_DEVICE (device), ready);
  g_object_unref (device);
  return TRUE;
}

static gboolean
turn_loop (void)
{
  return g_main_context_iteration (NULL, FALSE);
}

/* Until nothing is left to do; fails when that never comes. */
static void
settle (TestDevice *device)
{
  guint n_turns = 0;
  gboolean any;

  g_object_ref (device);
  do
    {
      any = deliver (device);
      any |= turn_loop ();
      g_assert_cmpuint (n_turns++, <, 200);
    }
  while (any);
  g_object_unref (device);
}

/* The program */

static void
write_text (TestDevice *device,
            const char *text)
{
  g_autoptr(GError) error = NULL;
  gssize n_taken;

  device->in_write = TRUE;
  n_taken = l_io_device_write (L_IO_DEVICE (device), text, strlen (text), &error);
  device->in_write = FALSE;
  g_assert_no_error (error);
  g_assert_cmpint (n_taken, ==, strlen (text));
}

static gssize
write_count (TestDevice  *device,
             gsize        count,
             GError     **error)
{
  g_autofree guint8 *bytes = make_bytes (count);
  gssize n_taken;

  device->in_write = TRUE;
  n_taken = l_io_device_write (L_IO_DEVICE (device), bytes, count, error);
  device->in_write = FALSE;

  return n_taken;
}

static char *
take (TestDevice *device)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = l_io_device_read_all (L_IO_DEVICE (device), &error);

  g_assert_no_error (error);
  if (g_bytes_get_size (bytes) == 0)
    return g_strdup ("");

  return g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static void
assert_take (TestDevice *device,
             const char *expected)
{
  g_autofree char *text = take (device);

  g_assert_cmpstr (text, ==, expected);
}

static void
assert_peek (TestDevice *device,
             const char *expected)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = l_io_device_peek_bytes (L_IO_DEVICE (device), G_MAXSIZE, &error);

  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), expected, strlen (expected));
}

static void
assert_line (TestDevice *device,
             gsize       max_length,
             const char *expected)
{
  g_autoptr(GError) error = NULL;
  gsize length = 99;
  g_autofree char *line = l_io_device_read_line (L_IO_DEVICE (device), max_length, &length, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (line, ==, expected);
  g_assert_cmpuint (length, ==, strlen (expected));
}

static void
assert_sent (TestDevice *device,
             const char *expected)
{
  g_assert_cmpmem (device->sent->data, device->sent->len, expected, strlen (expected));
}

static void
assert_log (TestDevice *device,
            const char *expected)
{
  g_assert_cmpstr (device->log->str, ==, expected);
  g_string_truncate (device->log, 0);
}

static void
assert_available (TestDevice *device,
                  gsize       expected)
{
  g_assert_cmpuint (l_io_device_get_bytes_available (L_IO_DEVICE (device)), ==, expected);
}

static void
assert_to_write (TestDevice *device,
                 gsize       expected)
{
  g_assert_cmpuint (l_io_device_get_bytes_to_write (L_IO_DEVICE (device)), ==, expected);
}

/* Every function that reads fails with the code. */
static void
assert_reading_fails (TestDevice   *device,
                      GIOErrorEnum  code)
{
  LIODevice *d = L_IO_DEVICE (device);
  GError *error = NULL;
  gsize length = 99;
  char byte;

  g_assert_cmpint (l_io_device_read (d, &byte, 1, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, (gint) code);
  g_clear_error (&error);

  g_assert_null (l_io_device_read_bytes (d, 1, &error));
  g_assert_error (error, G_IO_ERROR, (gint) code);
  g_clear_error (&error);

  g_assert_null (l_io_device_read_all (d, &error));
  g_assert_error (error, G_IO_ERROR, (gint) code);
  g_clear_error (&error);

  g_assert_null (l_io_device_read_line (d, 0, &length, &error));
  g_assert_error (error, G_IO_ERROR, (gint) code);
  g_assert_cmpuint (length, ==, 0);
  g_clear_error (&error);

  g_assert_cmpint (l_io_device_peek (d, &byte, 1, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, (gint) code);
  g_clear_error (&error);

  g_assert_null (l_io_device_peek_bytes (d, 1, &error));
  g_assert_error (error, G_IO_ERROR, (gint) code);
  g_clear_error (&error);

  g_assert_cmpint (l_io_device_skip (d, 1, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, (gint) code);
  g_clear_error (&error);

  g_assert_false (l_io_device_can_read_line (d));
}

static void
assert_writing_fails (TestDevice   *device,
                      GIOErrorEnum  code)
{
  LIODevice *d = L_IO_DEVICE (device);
  g_autoptr(GBytes) bytes = g_bytes_new_static ("x", 1);
  GError *error = NULL;

  g_assert_cmpint (l_io_device_write (d, "x", 1, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, (gint) code);
  g_clear_error (&error);

  g_assert_false (l_io_device_write_bytes (d, bytes, &error));
  g_assert_error (error, G_IO_ERROR, (gint) code);
  g_clear_error (&error);
}

/* Warnings of the library, which are structured. */

static gboolean expects_warning;
static guint    n_warnings;

static GLogWriterOutput
write_log (GLogLevelFlags   level,
           const GLogField *fields,
           gsize            n_fields,
           gpointer         user_data)
{
  if (!expects_warning || (level & G_LOG_LEVEL_MASK) != G_LOG_LEVEL_WARNING)
    return g_log_writer_default (level, fields, n_fields, user_data);

  n_warnings++;
  return G_LOG_WRITER_HANDLED;
}

#define EXPECT_WARNING(call)                                                                   \
  G_STMT_START                                                                                 \
    {                                                                                          \
      n_warnings = 0;                                                                          \
      expects_warning = TRUE;                                                                  \
      call;                                                                                    \
      expects_warning = FALSE;                                                                 \
      g_assert_cmpuint (n_warnings, ==, 1);                                                    \
    }                                                                                          \
  G_STMT_END

static void
count_notify (GObject    *object,
              GParamSpec *pspec,
              gpointer    user_data)
{
  (*(guint *) user_data)++;
}

/* A device that is open for reading and writing. */
typedef struct
{
  TestDevice *device; /* (nullable): a test may drop it */
} Fixture;

static void
setup (Fixture       *fixture,
       gconstpointer  unused)
{
  fixture->device = device_new (L_OPEN_MODE_READ_WRITE);
}

static void
teardown (Fixture       *fixture,
          gconstpointer  unused)
{
  if (fixture->device != NULL)
    g_assert_finalize_object (fixture->device);
  while (turn_loop ())
    ;
}

/* Opening and closing */

static void
test_open_not_yet (void)
{
  g_autoptr(TestDevice) device = device_new (L_OPEN_MODE_NOT_OPEN);
  LIODevice *d = L_IO_DEVICE (device);

  g_assert_cmpuint (l_io_device_get_open_mode (d), ==, L_OPEN_MODE_NOT_OPEN);
  g_assert_false (l_io_device_is_open (d));
  g_assert_false (l_io_device_is_readable (d));
  g_assert_false (l_io_device_is_writable (d));
  g_assert_true (l_io_device_is_sequential (d));
  g_assert_true (l_io_device_at_end (d));
  g_assert_false (l_io_device_is_transaction_started (d));
  g_assert_null (l_io_device_get_error_string (d));
  assert_available (device, 0);
  assert_to_write (device, 0);
  assert_reading_fails (device, G_IO_ERROR_CLOSED);
  assert_writing_fails (device, G_IO_ERROR_CLOSED);
  g_assert_false (l_io_device_wait_for_ready_read (d, -1));
  g_assert_false (l_io_device_wait_for_bytes_written (d, -1));
  assert_log (device, "");
}

static void
test_open_read_write (void)
{
  g_autoptr(TestDevice) device = device_new (L_OPEN_MODE_NOT_OPEN);
  LIODevice *d = L_IO_DEVICE (device);
  guint n_notified = 0;

  g_signal_connect (device, "notify::open-mode", G_CALLBACK (count_notify), &n_notified);
  l_io_device_set_open (d, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpuint (n_notified, ==, 1);
  g_assert_cmpuint (l_io_device_get_open_mode (d), ==, L_OPEN_MODE_READ_WRITE);
  g_assert_true (l_io_device_is_open (d));
  g_assert_true (l_io_device_is_readable (d));
  g_assert_true (l_io_device_is_writable (d));
  g_assert_true (l_io_device_at_end (d));
  g_assert_cmpuint (device->condition, ==, G_IO_IN | L_IO_RDHUP | G_IO_HUP);

  l_io_device_close (d);
  g_assert_cmpuint (n_notified, ==, 2);
}

static void
test_open_read_only (void)
{
  g_autoptr(TestDevice) device = device_new (L_OPEN_MODE_READ_ONLY);
  LIODevice *d = L_IO_DEVICE (device);

  g_assert_true (l_io_device_is_readable (d));
  g_assert_false (l_io_device_is_writable (d));
  assert_writing_fails (device, G_IO_ERROR_PERMISSION_DENIED);

  feed (device, "abc");
  settle (device);
  assert_take (device, "abc");
  assert_sent (device, "");
}

static void
test_open_write_only (void)
{
  g_autoptr(TestDevice) device = device_new (L_OPEN_MODE_WRITE_ONLY);
  LIODevice *d = L_IO_DEVICE (device);

  g_test_summary ("What comes in is thrown away, and the end is noticed all the same");

  g_assert_false (l_io_device_is_readable (d));
  g_assert_true (l_io_device_is_writable (d));
  feed (device, "abc");
  settle (device);
  assert_available (device, 0);
  g_assert_cmpuint (device->incoming->len, ==, 0);
  assert_reading_fails (device, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_false (l_io_device_wait_for_ready_read (d, -1));
  assert_log (device, "");

  write_text (device, "out");
  settle (device);
  assert_sent (device, "out");
  assert_log (device, "bytes-written(3)");

  feed (device, "abc");
  device->hung_up = TRUE;
  settle (device);
  assert_log (device, "input-ended");
}

/* The size of the read buffer is for what is kept. */
static void
test_open_write_only_small_buffer (void)
{
  g_autoptr(TestDevice) device = device_new (L_OPEN_MODE_WRITE_ONLY);
  g_autofree char *text = g_strnfill (10000, 'x');

  l_io_device_set_read_buffer_size (L_IO_DEVICE (device), 1);
  feed (device, text);
  settle (device);
  g_assert_cmpuint (device->incoming->len, ==, 0);
}

static void
test_open_write_only_unread (void)
{
  g_autoptr(TestDevice) device = device_new (L_OPEN_MODE_WRITE_ONLY);
  LIODevice *d = L_IO_DEVICE (device);

  EXPECT_WARNING (l_io_device_unread (d, "x", 1));
  EXPECT_WARNING (l_io_device_start_transaction (d));
  g_assert_false (l_io_device_is_transaction_started (d));
}

static void
test_open_unbuffered (void)
{
  g_autoptr(TestDevice) device = device_new (L_OPEN_MODE_READ_WRITE | L_OPEN_MODE_UNBUFFERED);

  write_text (device, "ab");
  assert_sent (device, "ab");
  assert_to_write (device, 0);
  write_text (device, "c");
  assert_sent (device, "abc");
  g_assert_cmpuint (device->n_writes, ==, 2);
  assert_log (device, "");

  settle (device);
  assert_log (device, "bytes-written(3)");
  g_assert_cmpuint (device->n_writes, ==, 2);
}

static void
test_open_unbuffered_blocked (void)
{
  g_autoptr(TestDevice) device = device_new (L_OPEN_MODE_READ_WRITE | L_OPEN_MODE_UNBUFFERED);

  device->room = 2;
  write_text (device, "abcde");
  assert_sent (device, "ab");
  assert_to_write (device, 3);
  g_assert_cmpuint (device->n_writes, ==, 1);

  /* The system is full: it is not asked again until it says so. */
  write_text (device, "f");
  settle (device);
  assert_log (device, "bytes-written(2)");

  device->room = G_MAXSIZE;
  settle (device);
  assert_sent (device, "abcdef");
  assert_log (device, "bytes-written(4)");
}

static void
test_open_unbuffered_bytes (void)
{
  g_autoptr(TestDevice) device = device_new (L_OPEN_MODE_READ_WRITE | L_OPEN_MODE_UNBUFFERED);
  g_autoptr(GBytes) bytes = g_bytes_new_static ("abc", 3);

  device->in_write = TRUE;
  g_assert_true (l_io_device_write_bytes (L_IO_DEVICE (device), bytes, NULL));
  device->in_write = FALSE;
  assert_sent (device, "abc");
  assert_to_write (device, 0);
}

static void
read_before_close (TestDevice *device)
{
  g_assert_true (l_io_device_is_open (L_IO_DEVICE (device)));
  assert_available (device, 3);
  assert_take (device, "abc");
}

static void
test_close_about_to_close (Fixture       *fixture,
                           gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("Unread bytes are there for the last time in about-to-close");

  device->on_about_to_close = read_before_close;
  feed (device, "abc");
  settle (device);
  l_io_device_close (L_IO_DEVICE (device));
  assert_log (device, "ready-read about-to-close");
  g_assert_false (l_io_device_is_open (L_IO_DEVICE (device)));

  l_io_device_close (L_IO_DEVICE (device));
  assert_log (device, "");
}

static void
test_close_drops_input (Fixture       *fixture,
                        gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  feed (device, "abc");
  settle (device);
  l_io_device_close (d);
  assert_available (device, 0);
  g_assert_true (l_io_device_at_end (d));
  assert_reading_fails (device, G_IO_ERROR_CLOSED);
  g_assert_cmpuint (device->condition & (G_IO_IN | L_IO_RDHUP), ==, 0);

  l_io_device_end (d);
  l_io_device_set_open (d, L_OPEN_MODE_READ_WRITE);
  assert_take (device, "");
}

static void
close_again (TestDevice *device)
{
  l_io_device_close (L_IO_DEVICE (device));
}

static void
test_close_in_about_to_close (Fixture       *fixture,
                              gconstpointer  unused)
{
  fixture->device->on_about_to_close = close_again;
  l_io_device_close (L_IO_DEVICE (fixture->device));
  assert_log (fixture->device, "about-to-close");
  g_assert_false (l_io_device_is_open (L_IO_DEVICE (fixture->device)));
}

static void
end_and_open_again (TestDevice *device)
{
  device->on_about_to_close = NULL;
  l_io_device_end (L_IO_DEVICE (device));
  l_io_device_close (L_IO_DEVICE (device));
  l_io_device_set_open (L_IO_DEVICE (device), L_OPEN_MODE_READ_ONLY);
}

static void
test_close_opened_in_about_to_close (Fixture       *fixture,
                                     gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("What a handler has opened anew stays open");

  device->on_about_to_close = end_and_open_again;
  l_io_device_close (L_IO_DEVICE (device));
  g_assert_cmpuint (l_io_device_get_open_mode (L_IO_DEVICE (device)), ==, L_OPEN_MODE_READ_ONLY);
  g_assert_true (l_io_device_is_readable (L_IO_DEVICE (device)));
}

static void
drop_reference (TestDevice *device)
{
  g_object_unref (device);
}

static void
test_close_dropped_in_about_to_close (Fixture       *fixture,
                                      gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_object_add_weak_pointer (G_OBJECT (device), (gpointer *) &fixture->device);
  device->on_about_to_close = drop_reference;
  g_object_ref (device);
  g_io_stream_close (G_IO_STREAM (device), NULL, NULL);
  g_object_unref (device);
  g_assert_null (fixture->device);
}

static void
test_close_end_keeps_input (Fixture       *fixture,
                            gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  g_test_summary ("After the end of a session what had arrived can be read, and nothing written");

  feed (device, "abc");
  settle (device);
  write_text (device, "lost");
  l_io_device_end (d);
  g_assert_true (l_io_device_is_open (d));
  g_assert_true (l_io_device_is_readable (d));
  g_assert_false (l_io_device_is_writable (d));
  assert_to_write (device, 0);
  assert_writing_fails (device, G_IO_ERROR_CLOSED);
  g_assert_false (l_io_device_at_end (d));
  assert_take (device, "abc");
  g_assert_true (l_io_device_at_end (d));
  assert_reading_fails (device, G_IO_ERROR_CLOSED);
  while (turn_loop ())
    ;
  assert_sent (device, "");
  assert_log (device, "ready-read");
}

static void
test_close_finalize_is_silent (Fixture       *fixture,
                               gconstpointer  unused)
{
  TestDevice *device = g_steal_pointer (&fixture->device);

  feed (device, "abc");
  settle (device);
  write_text (device, "lost");
  g_object_run_dispose (G_OBJECT (device));
  assert_log (device, "ready-read");
  assert_sent (device, "");
  g_assert_false (l_io_device_is_open (L_IO_DEVICE (device)));
  g_assert_finalize_object (device);
}

static void
test_properties (Fixture       *fixture,
                 gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);
  g_autofree char *error_string = NULL;
  guint64 available, to_write, read_size, write_size;
  guint n_notified = 0;
  LOpenMode mode;

  g_signal_connect (device, "notify", G_CALLBACK (count_notify), &n_notified);
  g_object_set (device, "read-buffer-size", (guint64) 8, "write-buffer-size", (guint64) 9, NULL);
  g_assert_cmpuint (n_notified, ==, 2);
  g_object_set (device, "read-buffer-size", (guint64) 8, "write-buffer-size", (guint64) 9, NULL);
  g_assert_cmpuint (n_notified, ==, 2);
  g_assert_cmpuint (l_io_device_get_read_buffer_size (d), ==, 8);
  g_assert_cmpuint (l_io_device_get_write_buffer_size (d), ==, 9);

  l_io_device_set_error_string (d, "broken");
  l_io_device_set_error_string (d, "broken");
  g_assert_cmpuint (n_notified, ==, 3);
  g_assert_cmpstr (l_io_device_get_error_string (d), ==, "broken");

  device->room = 0;
  feed (device, "abc");
  write_text (device, "de");
  settle (device);
  g_object_get (device,
                "open-mode", &mode,
                "bytes-available", &available,
                "bytes-to-write", &to_write,
                "error-string", &error_string,
                "read-buffer-size", &read_size,
                "write-buffer-size", &write_size,
                NULL);
  g_assert_cmpuint (mode, ==, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpuint (available, ==, 3);
  g_assert_cmpuint (to_write, ==, 2);
  g_assert_cmpstr (error_string, ==, "broken");
  g_assert_cmpuint (read_size, ==, 8);
  g_assert_cmpuint (write_size, ==, 9);

  l_io_device_set_error_string (d, NULL);
  g_assert_null (l_io_device_get_error_string (d));
}

static void
test_error_string_deferred (Fixture       *fixture,
                            gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);
  guint n_notified = 0;

  g_signal_connect (device, "notify::error-string", G_CALLBACK (count_notify), &n_notified);
  l_io_device_set_error_string (d, "old");
  l_io_device_defer_error_string (d);
  g_assert_cmpuint (n_notified, ==, 2);
  g_assert_cmpuint (device->n_descriptions, ==, 0);
  g_assert_cmpstr (l_io_device_get_error_string (d), ==, "broken 1");
  g_assert_cmpstr (l_io_device_get_error_string (d), ==, "broken 1");

  /* What nobody asked for is never made. */
  l_io_device_defer_error_string (d);
  l_io_device_set_error_string (d, NULL);
  g_assert_cmpuint (n_notified, ==, 4);
  g_assert_null (l_io_device_get_error_string (d));
  l_io_device_defer_error_string (d);
  l_io_device_set_error_string (d, "new");
  g_assert_cmpuint (n_notified, ==, 6);
  g_assert_cmpstr (l_io_device_get_error_string (d), ==, "new");
  l_io_device_defer_error_string (d);
  g_assert_cmpuint (device->n_descriptions, ==, 1);
}

static void
test_properties_notified (Fixture       *fixture,
                          gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  guint n_available = 0, n_to_write = 0;

  g_signal_connect (device, "notify::bytes-available", G_CALLBACK (count_notify), &n_available);
  g_signal_connect (device, "notify::bytes-to-write", G_CALLBACK (count_notify), &n_to_write);
  feed (device, "abc");
  write_text (device, "de");
  g_assert_cmpuint (n_to_write, ==, 0);
  settle (device);
  assert_take (device, "abc");
  g_assert_cmpuint (n_available, ==, 1);
  g_assert_cmpuint (n_to_write, ==, 1);
}

/* Reading */

static void
test_read_parts (Fixture       *fixture,
                 gconstpointer  unused)
{
  LIODevice *d = L_IO_DEVICE (fixture->device);
  char buffer[8] = "";

  feed (fixture->device, "abcdefg");
  settle (fixture->device);
  g_assert_cmpint (l_io_device_read (d, buffer, 0, NULL), ==, 0);
  g_assert_cmpint (l_io_device_read (d, buffer, 3, NULL), ==, 3);
  g_assert_cmpmem (buffer, 3, "abc", 3);
  assert_available (fixture->device, 4);
  g_assert_cmpint (l_io_device_read (d, buffer, sizeof buffer, NULL), ==, 4);
  g_assert_cmpmem (buffer, 4, "defg", 4);
  assert_available (fixture->device, 0);
  assert_log (fixture->device, "ready-read");
}

static void
test_read_nothing_yet (Fixture       *fixture,
                       gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = NULL;
  guint n_reads = device->n_reads;
  char byte;

  g_test_summary ("Without anything there reading gives nothing, without an error and without asking the system");

  feed (device, "not received yet");
  g_assert_cmpint (l_io_device_read (d, &byte, 1, &error), ==, 0);
  g_assert_no_error (error);
  g_assert_cmpint (l_io_device_peek (d, &byte, 1, &error), ==, 0);
  g_assert_no_error (error);
  g_assert_cmpint (l_io_device_skip (d, 1, &error), ==, 0);
  g_assert_no_error (error);
  bytes = l_io_device_read_bytes (d, 1, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, 0);
  assert_take (device, "");
  assert_peek (device, "");
  assert_line (device, 0, "");
  g_assert_true (l_io_device_at_end (d));
  g_assert_cmpuint (device->n_reads, ==, n_reads);
}

static void
test_read_ended (Fixture       *fixture,
                 gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  feed (device, "abc");
  device->ended = TRUE;
  settle (device);
  assert_log (device, "ready-read input-ended");
  assert_peek (device, "abc");
  g_assert_cmpint (l_io_device_skip (L_IO_DEVICE (device), 1, NULL), ==, 1);
  assert_take (device, "bc");
  assert_reading_fails (device, G_IO_ERROR_CLOSED);
  g_assert_true (l_io_device_is_writable (L_IO_DEVICE (device)));
}

static void
test_read_bytes (Fixture       *fixture,
                 gconstpointer  unused)
{
  LIODevice *d = L_IO_DEVICE (fixture->device);
  g_autoptr(GBytes) none = NULL;
  g_autoptr(GBytes) some = NULL;
  g_autoptr(GBytes) rest = NULL;

  feed (fixture->device, "abcdefg");
  settle (fixture->device);
  none = l_io_device_read_bytes (d, 0, NULL);
  g_assert_cmpuint (g_bytes_get_size (none), ==, 0);
  some = l_io_device_read_bytes (d, 3, NULL);
  rest = l_io_device_read_bytes (d, 100, NULL);

  /* They stay what they are, whatever comes after. */
  feed (fixture->device, "xxxxxxxxx");
  settle (fixture->device);
  g_assert_cmpmem (g_bytes_get_data (some, NULL), g_bytes_get_size (some), "abc", 3);
  g_assert_cmpmem (g_bytes_get_data (rest, NULL), g_bytes_get_size (rest), "defg", 4);
}

static void
test_read_much (Fixture       *fixture,
                gconstpointer  unused)
{
  gsize size = 5 * KIB * KIB + 3;
  g_autofree guint8 *bytes = make_bytes (size);
  g_autoptr(GBytes) all = NULL;

  g_byte_array_append (fixture->device->incoming, bytes, size);
  settle (fixture->device);
  assert_available (fixture->device, size);
  all = l_io_device_read_all (L_IO_DEVICE (fixture->device), NULL);
  g_assert_cmpmem (g_bytes_get_data (all, NULL), g_bytes_get_size (all), bytes, size);
}

static void
test_read_line (Fixture       *fixture,
                gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  g_assert_false (l_io_device_can_read_line (d));
  feed (device, "one\n\ntw");
  settle (device);
  g_assert_true (l_io_device_can_read_line (d));
  assert_line (device, 0, "one\n");
  assert_line (device, 0, "\n");
  g_assert_false (l_io_device_can_read_line (d));

  /* Over two arrivals. */
  feed (device, "o\nthr");
  settle (device);
  g_assert_true (l_io_device_can_read_line (d));
  assert_line (device, 0, "two\n");
  g_assert_false (l_io_device_can_read_line (d));
  assert_line (device, 0, "thr");
  assert_line (device, 0, "");
}

static void
test_read_line_max_length (Fixture       *fixture,
                           gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  feed (device, "abcdef\nghi");
  settle (device);
  assert_line (device, 2, "ab");
  assert_line (device, 4, "cdef");
  assert_line (device, 1, "\n");
  assert_line (device, 2, "gh");
  assert_line (device, 100, "i");
}

static void
test_read_line_with_nul (Fixture       *fixture,
                         gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  g_autofree char *line = NULL;
  g_autofree char *second = NULL;
  gsize length;

  g_byte_array_append (device->incoming, (const guint8 *) "a\0b\nc\n", 6);
  settle (device);
  line = l_io_device_read_line (L_IO_DEVICE (device), 0, &length, NULL);
  g_assert_cmpmem (line, length + 1, "a\0b\n", 5);
  second = l_io_device_read_line (L_IO_DEVICE (device), 0, NULL, NULL);
  g_assert_cmpstr (second, ==, "c\n");
}

static void
test_read_line_ended (Fixture       *fixture,
                      gconstpointer  unused)
{
  feed (fixture->device, "a\nb");
  fixture->device->hung_up = TRUE;
  settle (fixture->device);
  assert_line (fixture->device, 0, "a\n");
  g_assert_false (l_io_device_can_read_line (L_IO_DEVICE (fixture->device)));
  assert_line (fixture->device, 0, "b");
  assert_reading_fails (fixture->device, G_IO_ERROR_CLOSED);
}

static void
test_peek (Fixture       *fixture,
           gconstpointer  unused)
{
  LIODevice *d = L_IO_DEVICE (fixture->device);
  g_autoptr(GBytes) bytes = NULL;
  char buffer[8];

  feed (fixture->device, "abc");
  settle (fixture->device);
  g_assert_cmpint (l_io_device_peek (d, buffer, 2, NULL), ==, 2);
  g_assert_cmpmem (buffer, 2, "ab", 2);
  g_assert_cmpint (l_io_device_peek (d, buffer, sizeof buffer, NULL), ==, 3);
  g_assert_cmpmem (buffer, 3, "abc", 3);
  g_assert_cmpint (l_io_device_peek (d, buffer, 0, NULL), ==, 0);
  bytes = l_io_device_peek_bytes (d, 2, NULL);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "ab", 2);
  assert_available (fixture->device, 3);
  assert_take (fixture->device, "abc");
}

static void
test_skip (Fixture       *fixture,
           gconstpointer  unused)
{
  LIODevice *d = L_IO_DEVICE (fixture->device);

  feed (fixture->device, "abcdef");
  settle (fixture->device);
  g_assert_cmpint (l_io_device_skip (d, 0, NULL), ==, 0);
  g_assert_cmpint (l_io_device_skip (d, 2, NULL), ==, 2);
  assert_peek (fixture->device, "cdef");
  g_assert_cmpint (l_io_device_skip (d, G_MAXSIZE, NULL), ==, 4);
  assert_available (fixture->device, 0);
}

static void
test_unread (Fixture       *fixture,
             gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  l_io_device_unread (d, "b", 1);
  l_io_device_unread (d, NULL, 0);
  l_io_device_unread (d, "a", 1);
  assert_available (device, 2);
  feed (device, "c");
  settle (device);
  assert_take (device, "abc");
  assert_log (device, "ready-read");
}

static void
test_unread_after_end (Fixture       *fixture,
                       gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  feed (device, "abc");
  device->hung_up = TRUE;
  settle (device);
  assert_take (device, "abc");
  l_io_device_unread (L_IO_DEVICE (device), "bc", 2);
  g_assert_false (l_io_device_at_end (L_IO_DEVICE (device)));
  assert_take (device, "bc");
  assert_reading_fails (device, G_IO_ERROR_CLOSED);
}

static void
test_unread_not_open (Fixture       *fixture,
                      gconstpointer  unused)
{
  l_io_device_close (L_IO_DEVICE (fixture->device));
  EXPECT_WARNING (l_io_device_unread (L_IO_DEVICE (fixture->device), "x", 1));
  assert_available (fixture->device, 0);
}

/* Transactions */

static void
test_transaction_rollback (Fixture       *fixture,
                           gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  feed (device, "ab\ncdef");
  settle (device);
  l_io_device_start_transaction (d);
  g_assert_true (l_io_device_is_transaction_started (d));
  assert_available (device, 7);
  assert_line (device, 0, "ab\n");
  assert_available (device, 4);
  g_assert_false (l_io_device_can_read_line (d));
  g_assert_cmpint (l_io_device_skip (d, 1, NULL), ==, 1);
  assert_peek (device, "def");
  assert_available (device, 3);
  assert_take (device, "def");
  assert_available (device, 0);
  g_assert_true (l_io_device_at_end (d));
  assert_take (device, "");

  l_io_device_rollback_transaction (d);
  g_assert_false (l_io_device_is_transaction_started (d));
  assert_available (device, 7);
  assert_take (device, "ab\ncdef");
}

static void
test_transaction_commit (Fixture       *fixture,
                         gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  feed (device, "abcd");
  settle (device);
  l_io_device_start_transaction (d);
  g_assert_cmpint (l_io_device_skip (d, 3, NULL), ==, 3);
  l_io_device_commit_transaction (d);
  g_assert_false (l_io_device_is_transaction_started (d));
  assert_available (device, 1);
  assert_take (device, "d");

  /* And an empty one. */
  l_io_device_start_transaction (d);
  l_io_device_commit_transaction (d);
  assert_available (device, 0);
}

static void
test_transaction_arrival (Fixture       *fixture,
                          gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  g_test_summary ("What comes during a transaction is announced and stands behind what was read");

  feed (device, "ab");
  settle (device);
  l_io_device_start_transaction (d);
  assert_take (device, "ab");
  feed (device, "cd");
  settle (device);
  assert_log (device, "ready-read ready-read");
  assert_available (device, 2);
  assert_peek (device, "cd");
  g_assert_cmpint (l_io_device_skip (d, 1, NULL), ==, 1);
  l_io_device_rollback_transaction (d);
  assert_take (device, "abcd");
}

static void
test_transaction_misuse (Fixture       *fixture,
                         gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  feed (device, "abc");
  settle (device);
  EXPECT_WARNING (l_io_device_commit_transaction (d));
  EXPECT_WARNING (l_io_device_rollback_transaction (d));
  assert_available (device, 3);

  l_io_device_start_transaction (d);
  g_assert_cmpint (l_io_device_skip (d, 1, NULL), ==, 1);
  EXPECT_WARNING (l_io_device_start_transaction (d));
  EXPECT_WARNING (l_io_device_unread (d, "x", 1));
  g_assert_true (l_io_device_is_transaction_started (d));
  assert_available (device, 2);
  l_io_device_rollback_transaction (d);
  assert_take (device, "abc");

  l_io_device_close (d);
  EXPECT_WARNING (l_io_device_start_transaction (d));
  g_assert_false (l_io_device_is_transaction_started (d));
}

static void
test_transaction_closed (Fixture       *fixture,
                         gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  feed (device, "abc");
  settle (device);
  l_io_device_start_transaction (d);
  g_assert_cmpint (l_io_device_skip (d, 2, NULL), ==, 2);
  l_io_device_close (d);
  g_assert_false (l_io_device_is_transaction_started (d));
  assert_available (device, 0);

  l_io_device_end (d);
  l_io_device_set_open (d, L_OPEN_MODE_READ_WRITE);
  device->incoming->len = 0;
  feed (device, "new");
  settle (device);
  assert_available (device, 3);
  assert_take (device, "new");
}

static void
test_transaction_ended (Fixture       *fixture,
                        gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  feed (device, "abc");
  settle (device);
  l_io_device_start_transaction (d);
  assert_take (device, "abc");
  device->hung_up = TRUE;
  settle (device);
  assert_reading_fails (device, G_IO_ERROR_CLOSED);
  l_io_device_rollback_transaction (d);
  assert_take (device, "abc");
}

/* The limit of the read buffer */

static void
test_limit_refill (Fixture       *fixture,
                   gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  l_io_device_set_read_buffer_size (d, 4);
  feed (device, "abcdefghij");
  settle (device);
  assert_available (device, 4);
  g_assert_cmpuint (device->incoming->len, ==, 6);
  g_assert_cmpuint (device->condition, ==, L_IO_RDHUP | G_IO_HUP);
  assert_log (device, "ready-read");

  g_assert_cmpint (l_io_device_skip (d, 1, NULL), ==, 1);
  g_assert_cmpuint (device->condition, ==, G_IO_IN | L_IO_RDHUP | G_IO_HUP);
  settle (device);
  assert_log (device, "ready-read");
  assert_peek (device, "bcde");
  assert_take (device, "bcde");
  settle (device);
  assert_take (device, "fghi");
  settle (device);
  assert_take (device, "j");
}

static void
take_all (TestDevice *device)
{
  g_autofree char *text = take (device);

  g_string_append (device->taken, text);
}

static void
test_limit_read_in_handler (Fixture       *fixture,
                            gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  l_io_device_set_read_buffer_size (L_IO_DEVICE (device), 3);
  device->on_ready_read = take_all;
  feed (device, "abcdefghij");
  settle (device);
  g_assert_cmpstr (device->taken->str, ==, "abcdefghij");
  assert_log (device, "ready-read ready-read ready-read ready-read");
}

static void
test_limit_lowered (Fixture       *fixture,
                    gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  feed (device, "abcdef");
  settle (device);
  feed (device, "gh");
  l_io_device_set_read_buffer_size (d, 2);
  settle (device);
  assert_available (device, 6);
  g_assert_cmpint (l_io_device_skip (d, 4, NULL), ==, 4);
  settle (device);
  assert_peek (device, "ef");
  g_assert_cmpint (l_io_device_skip (d, 1, NULL), ==, 1);
  settle (device);
  assert_take (device, "fg");
  settle (device);
  assert_take (device, "h");
}

static void
test_limit_raised (Fixture       *fixture,
                   gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  l_io_device_set_read_buffer_size (d, 2);
  feed (device, "abcdef");
  settle (device);
  assert_peek (device, "ab");
  l_io_device_set_read_buffer_size (d, 3);
  settle (device);
  assert_peek (device, "abc");
  l_io_device_set_read_buffer_size (d, 0);
  settle (device);
  assert_take (device, "abcdef");
}

static void
test_limit_peek_counts (Fixture       *fixture,
                        gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  l_io_device_set_read_buffer_size (L_IO_DEVICE (device), 2);
  feed (device, "abcdef");
  settle (device);
  assert_peek (device, "ab");
  settle (device);
  assert_peek (device, "ab");
  g_assert_cmpuint (device->incoming->len, ==, 4);
}

static void
test_limit_transaction_counts (Fixture       *fixture,
                               gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  l_io_device_set_read_buffer_size (d, 2);
  feed (device, "abcdef");
  settle (device);
  l_io_device_start_transaction (d);
  assert_take (device, "ab");
  settle (device);
  assert_available (device, 0);
  g_assert_cmpuint (device->incoming->len, ==, 4);

  l_io_device_commit_transaction (d);
  settle (device);
  assert_take (device, "cd");
}

static void
test_limit_unread_counts (Fixture       *fixture,
                          gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  g_test_summary ("A buffer that unread() has filled does not make the loop spin");

  l_io_device_set_read_buffer_size (d, 2);
  feed (device, "ab");
  settle (device);
  assert_take (device, "ab");
  l_io_device_unread (d, "ab", 2);
  feed (device, "cd");
  settle (device);
  g_assert_cmpuint (device->incoming->len, ==, 2);
  assert_take (device, "ab");
  settle (device);
  assert_take (device, "cd");
}

static void
test_limit_stream_transaction_counts (Fixture       *fixture,
                                      gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);
  GInputStream *stream = g_io_stream_get_input_stream (G_IO_STREAM (device));
  char buffer[8];

  g_test_summary ("What the stream read in a transaction fills the buffer too, without making the loop spin");

  l_io_device_set_read_buffer_size (d, 2);
  l_io_device_start_transaction (d);
  feed (device, "abc");
  g_assert_cmpint (g_input_stream_read (stream, buffer, 2, NULL, NULL), ==, 2);
  settle (device);
  g_assert_cmpuint (device->incoming->len, ==, 1);
  l_io_device_rollback_transaction (d);
  assert_take (device, "ab");
}

static void
test_limit_hang_up (Fixture       *fixture,
                    gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("A hang-up is noticed with a full buffer, and what the system holds is read beyond the limit");

  l_io_device_set_read_buffer_size (L_IO_DEVICE (device), 2);
  feed (device, "abcdef");
  settle (device);
  assert_log (device, "ready-read");
  device->hung_up = TRUE;
  settle (device);
  assert_log (device, "ready-read input-ended");
  assert_take (device, "abcdef");
  assert_reading_fails (device, G_IO_ERROR_CLOSED);
  g_assert_cmpuint (device->condition, ==, 0);
}

static void
test_limit_half_close (Fixture       *fixture,
                       gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  l_io_device_set_read_buffer_size (L_IO_DEVICE (device), 2);
  feed (device, "abcdef");
  settle (device);
  device->ended = TRUE;
  settle (device);
  assert_log (device, "ready-read ready-read input-ended");
  g_assert_true (l_io_device_is_writable (L_IO_DEVICE (device)));

  /* What was noticed has left the set; a hang-up is still looked for. */
  g_assert_cmpuint (device->condition, ==, G_IO_HUP);
  assert_take (device, "abcdef");
}

static void
test_limit_wait (Fixture       *fixture,
                 gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("A wait with a full buffer ends at its deadline");

  l_io_device_set_read_buffer_size (L_IO_DEVICE (device), 2);
  feed (device, "abcdef");
  settle (device);
  assert_log (device, "ready-read");
  g_assert_false (l_io_device_wait_for_ready_read (L_IO_DEVICE (device), 5));
  assert_log (device, "timed-out");
  g_assert_cmpuint (device->n_waits, ==, 1);
  assert_available (device, 2);
}

/* Writing */

static void
test_write_gathered (Fixture       *fixture,
                     gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  write_text (device, "ab");
  write_text (device, "c");
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (device), NULL, 0, NULL), ==, 0);
  write_text (device, "de");
  assert_to_write (device, 5);
  g_assert_cmpuint (device->n_writes, ==, 0);
  assert_log (device, "");

  turn_loop ();
  assert_sent (device, "abcde");
  g_assert_cmpuint (device->n_writes, ==, 1);
  assert_log (device, "bytes-written(5)");
  assert_to_write (device, 0);
  g_assert_cmpuint (device->n_drained, ==, 1);
  settle (device);
  assert_log (device, "");
}

static void
test_write_offered (Fixture       *fixture,
                    gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("At 64 KiB bytes leave from within write(), and are announced later");

  g_assert_cmpint (write_count (device, 64 * KIB - 1, NULL), ==, 64 * KIB - 1);
  g_assert_cmpuint (device->sent->len, ==, 0);
  g_assert_cmpint (write_count (device, 1, NULL), ==, 1);
  g_assert_cmpuint (device->sent->len, ==, 64 * KIB);
  assert_to_write (device, 0);
  assert_log (device, "");
  settle (device);
  assert_log (device, "bytes-written(65536)");

  g_assert_cmpint (write_count (device, 200 * KIB, NULL), ==, 200 * KIB);
  g_assert_cmpuint (device->sent->len, ==, 264 * KIB);
  write_text (device, "x");
  settle (device);
  assert_log (device, "bytes-written(204801)");
}

static void
test_write_offered_bytes (Fixture       *fixture,
                          gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  g_autoptr(GBytes) bytes = g_bytes_new_take (make_bytes (64 * KIB - 2), 64 * KIB - 2);

  device->in_write = TRUE;
  g_assert_true (l_io_device_write_bytes (L_IO_DEVICE (device), bytes, NULL));
  g_assert_cmpuint (device->sent->len, ==, 0);
  device->in_write = FALSE;
  write_text (device, "xy");
  g_assert_cmpuint (device->sent->len, ==, 64 * KIB);
  settle (device);
  assert_log (device, "bytes-written(65536)");
}

static void
test_write_not_offered_when_blocked (Fixture       *fixture,
                                     gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  device->room = 10;
  g_assert_cmpint (write_count (device, 64 * KIB, NULL), ==, 64 * KIB);
  g_assert_cmpuint (device->n_writes, ==, 1);
  g_assert_cmpint (write_count (device, 64 * KIB, NULL), ==, 64 * KIB);
  g_assert_cmpuint (device->n_writes, ==, 1);
  assert_to_write (device, 128 * KIB - 10);
}

static void
test_write_in_pieces (Fixture       *fixture,
                      gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  device->room = 3;
  write_text (device, "abcdefgh");
  settle (device);
  assert_sent (device, "abc");
  assert_to_write (device, 5);
  g_assert_cmpuint (device->condition & G_IO_OUT, ==, G_IO_OUT);
  assert_log (device, "bytes-written(3)");

  device->room = 2;
  settle (device);
  assert_log (device, "bytes-written(2)");
  device->room = 100;
  settle (device);
  assert_sent (device, "abcdefgh");
  assert_log (device, "bytes-written(3)");
  g_assert_cmpuint (device->condition & G_IO_OUT, ==, 0);
  g_assert_cmpuint (device->n_drained, ==, 1);
}

static void
test_write_order (Fixture       *fixture,
                  gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  g_autoptr(GByteArray) expected = g_byte_array_new ();

  g_test_summary ("Small and large pieces, copied and by reference, leave in order");

  device->room = 0;
  for (guint i = 0; i < 200; i++)
    {
      gsize size = (i % 10 == 3) ? 40 * KIB + i : i;
      g_autofree guint8 *data = make_bytes (size);
      g_autoptr(GBytes) bytes = g_bytes_new (data, size);

      g_byte_array_append (expected, data, size);
      if (i % 3 == 0)
        g_assert_true (l_io_device_write_bytes (L_IO_DEVICE (device), bytes, NULL));
      else
        g_assert_cmpint (l_io_device_write (L_IO_DEVICE (device), data, size, NULL), ==, size);
    }
  assert_to_write (device, expected->len);

  while (device->sent->len < expected->len)
    {
      device->room = 30001;
      settle (device);
    }
  g_assert_cmpmem (device->sent->data, device->sent->len, expected->data, expected->len);
  assert_to_write (device, 0);
}

static void
test_write_buffer_size (Fixture       *fixture,
                        gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  g_autoptr(GError) error = NULL;

  l_io_device_set_write_buffer_size (L_IO_DEVICE (device), 10);
  device->room = 0;
  write_text (device, "abcd");
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (device), "efghijklmn", 10, &error), ==, 6);
  g_assert_no_error (error);
  assert_to_write (device, 10);
  assert_writing_fails (device, G_IO_ERROR_WOULD_BLOCK);
  assert_to_write (device, 10);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (device), NULL, 0, &error), ==, 0);
  g_assert_no_error (error);

  device->room = 3;
  settle (device);
  g_assert_cmpint (l_io_device_write (L_IO_DEVICE (device), "klmn", 4, &error), ==, 3);
  device->room = G_MAXSIZE;
  settle (device);
  assert_sent (device, "abcdefghijklm");
}

static void
test_write_buffer_size_offers (Fixture       *fixture,
                               gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("A full buffer is first offered to the system, which may have room");

  l_io_device_set_write_buffer_size (L_IO_DEVICE (device), 10);
  write_text (device, "abcd");
  assert_sent (device, "");
  write_text (device, "efghijklmnopqrstuvw");
  assert_sent (device, "abcdefghijklmnopqrstuvw");
  assert_log (device, "");
  settle (device);
  assert_log (device, "bytes-written(23)");
}

static void
test_write_buffer_size_lowered (Fixture       *fixture,
                                gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  device->room = 0;
  write_text (device, "abcdef");
  settle (device);
  l_io_device_set_write_buffer_size (L_IO_DEVICE (device), 4);
  assert_to_write (device, 6);
  assert_writing_fails (device, G_IO_ERROR_WOULD_BLOCK);
  l_io_device_set_write_buffer_size (L_IO_DEVICE (device), 0);
  write_text (device, "g");
  device->room = 100;
  settle (device);
  assert_sent (device, "abcdefg");
}

static void
test_write_bytes_all_or_nothing (Fixture       *fixture,
                                 gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);
  g_autoptr(GBytes) seven = g_bytes_new_static ("0123456", 7);
  g_autoptr(GBytes) six = g_bytes_new_static ("efghij", 6);
  g_autoptr(GError) error = NULL;

  l_io_device_set_write_buffer_size (d, 10);
  device->room = 0;
  write_text (device, "abcd");
  g_assert_false (l_io_device_write_bytes (d, seven, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  assert_to_write (device, 4);
  g_assert_true (l_io_device_write_bytes (d, six, NULL));
  assert_to_write (device, 10);
  device->room = G_MAXSIZE;
  settle (device);
  assert_sent (device, "abcdefghij");
}

static void
test_write_bytes_any_size (Fixture       *fixture,
                           gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);
  g_autoptr(GBytes) bytes = g_bytes_new_static ("0123456789", 10);

  g_test_summary ("An empty queue takes bytes of any size");

  l_io_device_set_write_buffer_size (d, 4);
  device->room = 0;
  g_assert_true (l_io_device_write_bytes (d, bytes, NULL));
  assert_to_write (device, 10);
  g_assert_false (l_io_device_write_bytes (d, bytes, NULL));

  /* And one that the system can take at once. */
  device->room = 10;
  settle (device);
  device->room = G_MAXSIZE;
  write_text (device, "ab");
  g_assert_true (l_io_device_write_bytes (d, bytes, NULL));
  settle (device);
  assert_sent (device, "0123456789ab0123456789");
}

static void
test_write_bytes_empty (Fixture       *fixture,
                        gconstpointer  unused)
{
  g_autoptr(GBytes) bytes = g_bytes_new_static (NULL, 0);

  g_assert_true (l_io_device_write_bytes (L_IO_DEVICE (fixture->device), bytes, NULL));
  settle (fixture->device);
  assert_log (fixture->device, "");
  g_assert_cmpuint (fixture->device->n_writes, ==, 0);
}

static void
set_flag (gpointer flag)
{
  *(gboolean *) flag = TRUE;
}

static void
test_write_bytes_by_reference (Fixture       *fixture,
                               gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  g_autofree guint8 *data = make_bytes (100 * KIB);
  gboolean freed = FALSE;
  GBytes *bytes = g_bytes_new_with_free_func (data, 100 * KIB, set_flag, &freed);

  device->room = 0;
  g_assert_true (l_io_device_write_bytes (L_IO_DEVICE (device), bytes, NULL));
  g_bytes_unref (bytes);
  settle (device);
  g_assert_false (freed);
  device->room = G_MAXSIZE;
  settle (device);
  g_assert_true (freed);
  g_assert_cmpmem (device->sent->data, device->sent->len, data, 100 * KIB);
}

static void
test_write_opening (void)
{
  g_autoptr(TestDevice) device = device_new (L_OPEN_MODE_NOT_OPEN);
  LIODevice *d = L_IO_DEVICE (device);

  g_test_summary ("While opening bytes are gathered, however many, and sent once it is open");

  l_io_device_set_opening (d, L_OPEN_MODE_READ_WRITE | L_OPEN_MODE_UNBUFFERED);
  g_assert_false (l_io_device_is_open (d));
  g_assert_false (l_io_device_is_writable (d));
  assert_reading_fails (device, G_IO_ERROR_CLOSED);
  write_text (device, "ab");
  g_assert_cmpint (write_count (device, 100 * KIB, NULL), ==, 100 * KIB);
  while (turn_loop ())
    ;
  g_assert_false (l_io_device_flush (d));
  assert_to_write (device, 100 * KIB + 2);
  g_assert_cmpuint (device->n_writes, ==, 0);

  l_io_device_set_open (d, L_OPEN_MODE_READ_WRITE);
  g_assert_cmpuint (device->n_writes, ==, 0);
  settle (device);
  g_assert_cmpuint (device->sent->len, ==, 100 * KIB + 2);
  assert_log (device, "bytes-written(102402)");
}

static void
test_write_opening_failed (void)
{
  g_autoptr(TestDevice) device = device_new (L_OPEN_MODE_NOT_OPEN);
  LIODevice *d = L_IO_DEVICE (device);

  l_io_device_set_opening (d, L_OPEN_MODE_READ_ONLY);
  assert_writing_fails (device, G_IO_ERROR_PERMISSION_DENIED);
  l_io_device_set_opening (d, L_OPEN_MODE_WRITE_ONLY);
  write_text (device, "lost");
  l_io_device_end (d);
  assert_to_write (device, 0);
  assert_writing_fails (device, G_IO_ERROR_CLOSED);

  l_io_device_set_open (d, L_OPEN_MODE_READ_WRITE);
  settle (device);
  assert_sent (device, "");
  assert_log (device, "");
}

static void
test_write_after_end_of_output (Fixture       *fixture,
                                gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  write_text (device, "rest");
  l_io_device_end_output (d);
  g_assert_true (l_io_device_is_open (d));
  g_assert_false (l_io_device_is_writable (d));
  assert_writing_fails (device, G_IO_ERROR_CLOSED);
  assert_to_write (device, 4);
  settle (device);
  assert_sent (device, "rest");
  assert_log (device, "bytes-written(4)");
}

static void
test_write_after_end_of_blocked_output (Fixture       *fixture,
                                        gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  device->room = 1;
  write_text (device, "rest");
  settle (device);
  l_io_device_end_output (d);
  l_io_device_end_input (d);
  device->room = G_MAXSIZE;
  settle (device);
  assert_sent (device, "rest");
}

static void
test_write_dropped (Fixture       *fixture,
                    gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  write_text (device, "lost");
  l_io_device_drop_output (L_IO_DEVICE (device));
  assert_to_write (device, 0);
  assert_writing_fails (device, G_IO_ERROR_CLOSED);
  settle (device);
  assert_sent (device, "");
  assert_log (device, "");
}

static void
test_write_vectors (Fixture       *fixture,
                    gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  g_autofree guint8 *data = make_bytes (20 * KIB);

  g_test_summary ("More pieces than one call takes");

  device->room = 0;
  write_text (device, "x");
  settle (device);
  for (guint i = 0; i < 150; i++)
    {
      g_autoptr(GBytes) bytes = g_bytes_new (data, 20 * KIB);

      g_assert_true (l_io_device_write_bytes (L_IO_DEVICE (device), bytes, NULL));
    }
  device->n_writes = 0;
  device->room = G_MAXSIZE;
  settle (device);
  g_assert_cmpuint (device->sent->len, ==, 150 * 20 * KIB + 1);
  g_assert_cmpuint (device->n_writes, ==, 3);
  assert_log (device, "bytes-written(3072001)");
}

/* flush() */

static void
test_flush (Fixture       *fixture,
            gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  g_assert_false (l_io_device_flush (d));
  write_text (device, "abc");
  g_assert_true (l_io_device_flush (d));
  assert_sent (device, "abc");
  assert_log (device, "bytes-written(3)");
  g_assert_false (l_io_device_flush (d));
  settle (device);
  assert_log (device, "");

  device->room = 0;
  write_text (device, "d");
  g_assert_false (l_io_device_flush (d));
  assert_to_write (device, 1);
  assert_log (device, "");
}

static void
test_flush_reports_offered (Fixture       *fixture,
                            gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_assert_cmpint (write_count (device, 64 * KIB, NULL), ==, 64 * KIB);
  l_io_device_flush (L_IO_DEVICE (device));
  assert_log (device, "bytes-written(65536)");
  settle (device);
  assert_log (device, "");
}

static void
test_flush_failed (Fixture       *fixture,
                   gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("What went before a failure is announced before it");

  device->room = 2;
  write_text (device, "abcd");
  settle (device);
  assert_log (device, "bytes-written(2)");
  device->room = 1;
  settle (device);
  device->write_error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "broken");
  settle (device);
  assert_log (device, "bytes-written(1) failed(broken)");
  g_assert_false (l_io_device_is_writable (L_IO_DEVICE (device)));
  assert_writing_fails (device, G_IO_ERROR_CLOSED);
}

static void
test_flush_failed_in_write (Fixture       *fixture,
                            gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("A failure that write() meets is told by the loop, once");

  device->room = 0;
  device->write_error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "broken");
  g_assert_cmpint (write_count (device, 70 * KIB, NULL), ==, 70 * KIB);
  assert_log (device, "");
  settle (device);
  assert_log (device, "failed(broken)");
}

static void
test_read_failed (Fixture       *fixture,
                  gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  feed (device, "abc");
  device->read_error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "broken");
  settle (device);
  assert_log (device, "ready-read failed(broken)");
  assert_take (device, "abc");
  assert_reading_fails (device, G_IO_ERROR_CLOSED);
}

static void
test_flush_not_in_next_session (Fixture       *fixture,
                                gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("What went in one session is not announced in the next");

  g_assert_cmpint (write_count (device, 64 * KIB, NULL), ==, 64 * KIB);
  l_io_device_close (L_IO_DEVICE (device));
  l_io_device_end (L_IO_DEVICE (device));
  l_io_device_set_open (L_IO_DEVICE (device), L_OPEN_MODE_READ_WRITE);
  settle (device);
  write_text (device, "abc");
  settle (device);
  assert_log (device, "about-to-close bytes-written(3)");
}

/* Signals and re-entrance */

static void
write_reply (TestDevice *device)
{
  gsize n_sent = device->sent->len;

  write_text (device, "reply");
  g_assert_cmpuint (device->sent->len, ==, n_sent);
}

static void
test_signal_reply_in_ready_read (Fixture       *fixture,
                                 gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("What a handler writes leaves when it has returned, not a turn later");

  device->on_ready_read = write_reply;
  feed (device, "abc");
  deliver (device);
  assert_sent (device, "reply");
  assert_log (device, "ready-read bytes-written(5)");
  settle (device);
  assert_log (device, "");
}

static void
write_three_times (TestDevice *device)
{
  if (device->sent->len < 4)
    write_text (device, "x");
}

static void
test_signal_write_in_bytes_written (Fixture       *fixture,
                                    gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  device->on_bytes_written = write_three_times;
  write_text (device, "x");
  turn_loop ();
  assert_sent (device, "xx");
  settle (device);
  assert_sent (device, "xxxx");
  assert_log (device, "bytes-written(1) bytes-written(1) bytes-written(1) bytes-written(1)");
}

static void
flush_more (TestDevice *device)
{
  device->on_bytes_written = NULL;
  write_text (device, "cde");
  g_assert_true (l_io_device_flush (L_IO_DEVICE (device)));
  assert_sent (device, "abcde");
}

static void
test_signal_flush_in_bytes_written (Fixture       *fixture,
                                    gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("bytes-written is never recursive: what a handler flushes is announced after it");

  device->on_bytes_written = flush_more;
  write_text (device, "ab");
  settle (device);
  assert_log (device, "bytes-written(2) bytes-written(3)");
}

static void
receive_more (TestDevice *device)
{
  device->on_ready_read = NULL;
  feed (device, "def");
  g_assert_true (deliver (device));
  assert_peek (device, "abcdef");
  feed (device, "ghi");
  g_assert_true (deliver (device));
  g_assert_false (deliver (device));
}

static void
test_signal_nested_ready_read (Fixture       *fixture,
                               gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("What comes while a handler runs a loop is kept, and one ready-read follows");

  device->on_ready_read = receive_more;
  feed (device, "abc");
  deliver (device);
  assert_log (device, "ready-read ready-read");
  assert_take (device, "abcdefghi");
  settle (device);
  assert_log (device, "");
}

static void
receive_more_and_take_all (TestDevice *device)
{
  device->on_ready_read = NULL;
  feed (device, "def");
  g_assert_true (deliver (device));
  assert_take (device, "abcdef");
}

static void
test_signal_nested_ready_read_taken (Fixture       *fixture,
                                     gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("What the handler has taken itself is not announced again");

  device->on_ready_read = receive_more_and_take_all;
  feed (device, "abc");
  settle (device);
  assert_log (device, "ready-read");
}

static void
let_other_receive (TestDevice *device)
{
  TestDevice *other = device->other;

  device->on_ready_read = NULL;
  g_assert_cmpint (l_io_device_skip (L_IO_DEVICE (device), 1, NULL), ==, 1);
  feed (other, "XXXXXXXX");
  g_assert_true (deliver (other));
  assert_peek (device, "bc");
  assert_take (other, "XXXXXXXX");
}

static void
test_signal_two_devices (Fixture       *fixture,
                         gconstpointer  unused)
{
  g_autoptr(TestDevice) other = device_new (L_OPEN_MODE_READ_WRITE);
  TestDevice *device = fixture->device;

  g_test_summary ("What a handler left unread is untouched by what another device receives meanwhile");

  device->on_ready_read = let_other_receive;
  device->other = other;
  feed (device, "abc");
  settle (device);
  assert_take (device, "bc");

  /* And after the handlers. */
  feed (device, "def");
  settle (device);
  feed (other, "YYYY");
  settle (other);
  assert_take (device, "def");
  assert_take (other, "YYYY");
}

static void
test_signal_freed_unread (Fixture       *fixture,
                          gconstpointer  unused)
{
  g_autoptr(TestDevice) other = device_new (L_OPEN_MODE_READ_WRITE);

  g_test_summary ("A device that goes with bytes unread leaves nothing behind for the next one");

  feed (fixture->device, "abc");
  settle (fixture->device);
  g_assert_finalize_object (g_steal_pointer (&fixture->device));
  feed (other, "def");
  settle (other);
  assert_take (other, "def");
}

static void
nested_hang_up (TestDevice *device)
{
  device->on_ready_read = NULL;
  feed (device, "def");
  device->hung_up = TRUE;
  g_assert_true (deliver (device));
  assert_log (device, "ready-read");
  g_assert_false (deliver (device));
  g_assert_cmpuint (device->condition, ==, 0);
}

static void
test_signal_nested_hang_up (Fixture       *fixture,
                            gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("A hang-up in a handler's loop waits for the handler, without making that loop spin");

  device->on_ready_read = nested_hang_up;
  feed (device, "abc");
  settle (device);
  assert_log (device, "ready-read input-ended");
  assert_take (device, "abcdef");
}

static void
nested_full (TestDevice *device)
{
  device->on_ready_read = NULL;
  feed (device, "ef");
  deliver (device);
  g_assert_false (deliver (device));
  assert_available (device, 4);
}

static void
test_signal_nested_full (Fixture       *fixture,
                         gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("A full buffer does not make a handler's loop spin");

  l_io_device_set_read_buffer_size (L_IO_DEVICE (device), 4);
  device->on_ready_read = nested_full;
  feed (device, "abcd");
  settle (device);
  assert_take (device, "abcd");
  settle (device);
  assert_take (device, "ef");
}

static void
nested_output (TestDevice *device)
{
  device->on_ready_read = NULL;

  /* A readiness that is older than what was read. */
  l_io_device_dispatch (L_IO_DEVICE (device), G_IO_IN);

  device->room = G_MAXSIZE;
  g_assert_true (deliver (device));
  assert_sent (device, "abcdef");
}

static void
test_signal_nested_output (Fixture       *fixture,
                           gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("In a handler's loop what is queued goes on being sent");

  device->room = 2;
  write_text (device, "abcdef");
  settle (device);
  device->on_ready_read = nested_output;
  feed (device, "x");
  settle (device);
  assert_log (device, "bytes-written(2) ready-read bytes-written(4)");
}

static void
close_and_end (TestDevice *device)
{
  l_io_device_close (L_IO_DEVICE (device));
  device->condition = 0;
  l_io_device_end (L_IO_DEVICE (device));
}

static void
test_signal_closed_in_ready_read (Fixture       *fixture,
                                  gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  g_autofree guint8 *bytes = make_bytes (600 * KIB);

  g_byte_array_append (device->incoming, bytes, 600 * KIB);
  device->on_ready_read = close_and_end;
  settle (device);
  assert_log (device, "ready-read about-to-close");
  g_assert_cmpuint (device->n_reads, ==, 1);
  assert_available (device, 0);
}

static void
reopen (TestDevice *device)
{
  device->on_ready_read = NULL;
  close_and_end (device);
  l_io_device_set_open (L_IO_DEVICE (device), L_OPEN_MODE_READ_WRITE);
  write_text (device, "new");
}

static void
test_signal_reopened_in_ready_read (Fixture       *fixture,
                                    gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  device->on_ready_read = reopen;
  feed (device, "old");
  device->hung_up = TRUE;
  deliver (device);
  device->hung_up = FALSE;
  assert_log (device, "ready-read about-to-close bytes-written(3)");
  g_assert_true (l_io_device_is_open (L_IO_DEVICE (device)));
  feed (device, "fresh");
  settle (device);
  assert_take (device, "fresh");
  assert_log (device, "ready-read");
}

static void
test_signal_dropped_in_ready_read (Fixture       *fixture,
                                   gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_object_add_weak_pointer (G_OBJECT (device), (gpointer *) &fixture->device);
  device->on_ready_read = drop_reference;
  feed (device, "abc");
  write_text (device, "lost");
  deliver (device);
  g_assert_null (fixture->device);
}

static void
test_signal_dropped_in_bytes_written (Fixture       *fixture,
                                      gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_object_add_weak_pointer (G_OBJECT (device), (gpointer *) &fixture->device);
  device->on_bytes_written = drop_reference;
  device->room = 2;
  write_text (device, "abc");
  turn_loop ();
  g_assert_null (fixture->device);
}

static void
test_signal_closed_in_bytes_written (Fixture       *fixture,
                                     gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  device->on_bytes_written = close_and_end;
  device->room = 2;
  write_text (device, "abc");
  settle (device);
  assert_log (device, "bytes-written(2) about-to-close");
  g_assert_cmpuint (device->n_drained, ==, 0);
  assert_to_write (device, 0);
}

static void
test_signal_dropped_in_input_ended (Fixture       *fixture,
                                    gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_object_add_weak_pointer (G_OBJECT (device), (gpointer *) &fixture->device);
  device->on_input_ended = drop_reference;
  device->hung_up = TRUE;
  deliver (device);
  g_assert_null (fixture->device);
}

static void
test_signal_dropped_in_failed (Fixture       *fixture,
                               gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_object_add_weak_pointer (G_OBJECT (device), (gpointer *) &fixture->device);
  device->on_failed = drop_reference;
  device->room = 0;
  device->write_error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "broken");
  write_text (device, "abc");
  turn_loop ();
  g_assert_null (fixture->device);
}

static void
close_on_notify (GObject    *object,
                 GParamSpec *pspec,
                 gpointer    unused)
{
  close_and_end (TEST_DEVICE (object));
}

static void
test_signal_closed_in_notify_available (Fixture       *fixture,
                                        gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("A handler of notify::bytes-available closes: no ready-read of a closed device");

  g_signal_connect (device, "notify::bytes-available", G_CALLBACK (close_on_notify), NULL);
  feed (device, "abc");
  settle (device);
  assert_log (device, "about-to-close");
}

static void
test_signal_closed_in_notify_to_write (Fixture       *fixture,
                                       gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_signal_connect (device, "notify::bytes-to-write", G_CALLBACK (close_on_notify), NULL);
  write_text (device, "abc");
  settle (device);
  assert_log (device, "about-to-close");
}

static void
test_signal_ready_read_once (Fixture       *fixture,
                             gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("Bytes that stay unread are not announced again");

  feed (device, "abc");
  settle (device);
  settle (device);
  assert_log (device, "ready-read");
  feed (device, "d");
  settle (device);
  assert_log (device, "ready-read");
  assert_take (device, "abcd");
}

static void
test_signal_read_channel_finished (Fixture       *fixture,
                                   gconstpointer  unused)
{
  l_io_device_emit_read_channel_finished (L_IO_DEVICE (fixture->device));
  assert_log (fixture->device, "read-channel-finished");
}

/* What nobody waits for any more */

static void
test_disregard_silent (Fixture       *fixture,
                       gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  g_test_summary ("What comes is taken without a word, and told of when the peer goes");

  l_io_device_disregard_input (d);
  feed (device, "abc");
  settle (device);
  g_assert_cmpuint (device->incoming->len, ==, 0);
  assert_log (device, "");
  assert_available (device, 3);
  l_io_device_drain_input (d);
  assert_log (device, "ready-read");
  l_io_device_drain_input (d);
  assert_log (device, "");
  assert_take (device, "abc");
}

static void
test_disregard_drain (Fixture       *fixture,
                      gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("What the system still holds when the peer goes is taken, however much is allowed");

  l_io_device_set_read_buffer_size (L_IO_DEVICE (device), 2);
  feed (device, "abcdef");
  l_io_device_disregard_input (L_IO_DEVICE (device));
  l_io_device_drain_input (L_IO_DEVICE (device));
  assert_log (device, "ready-read");
  assert_take (device, "abcdef");
}

static void
test_disregard_full (Fixture       *fixture,
                     gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  g_test_summary ("What is kept is what came first, without a gap");

  l_io_device_set_read_buffer_size (d, 4);
  feed (device, "ab");
  settle (device);
  assert_log (device, "ready-read");
  l_io_device_disregard_input (d);
  feed (device, "cdef");
  settle (device);
  g_assert_cmpuint (device->incoming->len, ==, 0);
  assert_take (device, "abcd");

  feed (device, "gh");
  settle (device);
  assert_available (device, 0);
  feed (device, "ij");
  l_io_device_drain_input (d);
  assert_available (device, 0);
  assert_log (device, "");
}

static void
test_disregard_full_unread (Fixture       *fixture,
                            gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  g_test_summary ("Nobody is told of what is thrown away");

  l_io_device_set_read_buffer_size (d, 2);
  feed (device, "ab");
  settle (device);
  assert_log (device, "ready-read");
  l_io_device_disregard_input (d);
  feed (device, "cd");
  settle (device);
  feed (device, "ef");
  l_io_device_drain_input (d);
  assert_log (device, "");
  assert_take (device, "ab");
}

static void
test_disregard_flood (Fixture       *fixture,
                      gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  g_autofree guint8 *bytes = make_bytes (64 * KIB);
  g_autoptr(GBytes) kept = NULL;

  g_test_summary ("A peer that sends for ever costs no memory, also where the program has set no limit");

  l_io_device_disregard_input (L_IO_DEVICE (device));
  for (guint i = 0; i < 20; i++)
    {
      g_byte_array_append (device->incoming, bytes, 64 * KIB);
      settle (device);
    }
  g_assert_cmpuint (device->incoming->len, ==, 0);
  kept = l_io_device_read_all (L_IO_DEVICE (device), NULL);
  g_assert_cmpmem (g_bytes_get_data (kept, NULL), g_bytes_get_size (kept), bytes, 64 * KIB);
}

static void
test_disregard_ended (Fixture       *fixture,
                      gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("The end of the input alone is no hang-up, and does not keep the loop busy");

  device->room = 0;
  write_text (device, "rest");
  l_io_device_disregard_input (L_IO_DEVICE (device));
  feed (device, "abc");
  device->ended = TRUE;
  settle (device);
  assert_log (device, "");
  g_assert_false (l_io_device_at_end (L_IO_DEVICE (device)));
  assert_take (device, "abc");
  g_assert_true (l_io_device_at_end (L_IO_DEVICE (device)));

  device->room = G_MAXSIZE;
  settle (device);
  assert_log (device, "bytes-written(4)");
  device->hung_up = TRUE;
  deliver (device);
  assert_log (device, "input-ended");
}

static void
store_result (GObject      *source,
              GAsyncResult *result,
              gpointer      result_out)
{
  *(GAsyncResult **) result_out = g_object_ref (result);
}

static void
test_long_line (Fixture       *fixture,
                gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  g_autoptr(GAsyncResult) result = NULL;
  g_autofree char *text = g_strnfill (KIB * KIB, 'x');
  g_autofree char *line = NULL;
  gsize length;

  g_test_summary ("What a line costs that is longer than the buffer does not grow with the square of its length");

  l_io_device_set_read_buffer_size (L_IO_DEVICE (device), 2);
  l_io_device_read_line_async (L_IO_DEVICE (device), 0, NULL, store_result, &result);
  feed (device, text);
  feed (device, "\n");
  settle (device);
  g_assert_nonnull (result);
  line = l_io_device_read_line_finish (L_IO_DEVICE (device), result, &length, NULL);
  g_assert_cmpuint (length, ==, KIB * KIB + 1);
  g_assert_cmpuint (device->n_reads, <, 32);
}

static void
test_disregard_async (Fixture       *fixture,
                      gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GBytes) bytes = NULL;

  g_test_summary ("Who had begun to wait for it before gets it, however much that is");

  l_io_device_set_read_buffer_size (L_IO_DEVICE (device), 2);
  l_io_device_read_bytes_async (L_IO_DEVICE (device), 5, NULL, store_result, &result);
  l_io_device_disregard_input (L_IO_DEVICE (device));
  feed (device, "abcde");
  settle (device);
  g_assert_nonnull (result);
  bytes = l_io_device_read_bytes_finish (L_IO_DEVICE (device), result, NULL);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "abcde", 5);
  assert_log (device, "");
}

static void
test_disregard_async_late (Fixture       *fixture,
                           gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  GInputStream *stream = g_io_stream_get_input_stream (G_IO_STREAM (device));
  g_autoptr(GAsyncResult) result = NULL;
  char buffer[8];

  g_test_summary ("Who begins to wait after something was thrown away gets nothing of what came behind it");

  l_io_device_set_read_buffer_size (L_IO_DEVICE (device), 2);
  l_io_device_disregard_input (L_IO_DEVICE (device));
  feed (device, "abcde");
  settle (device);
  assert_take (device, "ab");
  g_input_stream_read_async (stream, buffer, sizeof buffer, G_PRIORITY_DEFAULT, NULL, store_result, &result);
  feed (device, "fgh");
  device->ended = TRUE;
  settle (device);
  g_assert_nonnull (result);
  g_assert_cmpint (g_input_stream_read_finish (stream, result, NULL), ==, 0);
}

static void
set_other_reads (TestDevice *device,
                 int         change)
{
  GMutex *lock = &l_io_device_get_private (L_IO_DEVICE (device))->input.lock;

  g_mutex_lock (lock);
  l_io_device_add_other_read (L_IO_DEVICE (device), change);
  g_mutex_unlock (lock);
}

static void
test_disregard_other_read (Fixture       *fixture,
                           gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("A source in another context, which was told of the end, is not waited for");

  set_other_reads (device, 1);
  l_io_device_disregard_input (L_IO_DEVICE (device));
  feed (device, "abc");
  settle (device);
  assert_take (device, "abc");
  set_other_reads (device, -1);
}

static void
test_disregard_freed (Fixture       *fixture,
                      gconstpointer  unused)
{
  g_autoptr(TestDevice) other = device_new (L_OPEN_MODE_READ_WRITE);

  g_test_summary ("The device goes with what was kept, and another one receives");

  l_io_device_disregard_input (L_IO_DEVICE (fixture->device));
  feed (fixture->device, "abc");
  settle (fixture->device);
  g_assert_finalize_object (g_steal_pointer (&fixture->device));
  feed (other, "def");
  settle (other);
  assert_take (other, "def");
}

static void
disregard_in_loop (TestDevice *device)
{
  device->on_ready_read = NULL;
  l_io_device_disregard_input (L_IO_DEVICE (device));
  feed (device, "def");
  settle (device);
}

static void
test_disregard_in_handler (Fixture       *fixture,
                           gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("In the loop that a handler of ready-read runs: it is not told of that when it has returned");

  device->on_ready_read = disregard_in_loop;
  feed (device, "abc");
  settle (device);
  assert_log (device, "ready-read");
  assert_take (device, "abcdef");
}

static void
test_disregard_failed (Fixture       *fixture,
                       gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  l_io_device_disregard_input (L_IO_DEVICE (device));
  device->read_error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "broken");
  settle (device);
  assert_log (device, "failed(broken)");
}

/* The peer reads when it has been read from. */
static void
make_room_once_read (TestDevice *device)
{
  device->room = device->incoming->len == 0 ? G_MAXSIZE : 0;
}

static void
test_disregard_wait (Fixture       *fixture,
                     gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  device->room = 0;
  device->on_wait = make_room_once_read;
  write_text (device, "ab");
  l_io_device_disregard_input (L_IO_DEVICE (device));
  feed (device, "theirs");
  g_assert_true (l_io_device_wait_for_bytes_written (L_IO_DEVICE (device), -1));
  assert_log (device, "bytes-written(2)");
  assert_sent (device, "ab");
}

static GCancellable *flood_cancellable;

static void
feed_and_cancel (TestDevice *device)
{
  feed (device, "more");
  g_cancellable_cancel (flood_cancellable);
}

static void
test_disregard_cancelled (Fixture       *fixture,
                          gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("Who waits can be cancelled, however much comes in");

  flood_cancellable = g_cancellable_new ();
  device->room = 0;
  device->on_wait = feed_and_cancel;
  write_text (device, "ab");
  l_io_device_disregard_input (L_IO_DEVICE (device));
  g_assert_false (l_io_device_wait_turn (L_IO_DEVICE (device), -1, flood_cancellable));
  g_clear_object (&flood_cancellable);
}

/* Waiting */

static void
feed_new (TestDevice *device)
{
  device->on_wait = NULL;
  feed (device, "new");
}

static void
test_wait_ready_read (Fixture       *fixture,
                      gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  device->on_wait = feed_new;
  g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (device), -1));
  assert_log (device, "ready-read");
  g_assert_cmpuint (device->n_waits, ==, 1);
  assert_take (device, "new");
}

static void
test_wait_ready_read_at_once (Fixture       *fixture,
                              gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  feed (device, "abc");
  g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (device), 0));
  g_assert_cmpuint (device->n_waits, ==, 0);
  assert_log (device, "ready-read");
}

static void
test_wait_ready_read_new_bytes (Fixture       *fixture,
                                gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("Bytes that were buffered already do not end the wait");

  feed (device, "old");
  settle (device);
  assert_log (device, "ready-read");
  g_assert_false (l_io_device_wait_for_ready_read (L_IO_DEVICE (device), 0));
  assert_log (device, "timed-out");
  device->on_wait = feed_new;
  g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (device), 1000));
  assert_log (device, "ready-read");
  assert_take (device, "oldnew");
}

static void
test_wait_ready_read_deadline (Fixture       *fixture,
                               gconstpointer  unused)
{
  g_assert_false (l_io_device_wait_for_ready_read (L_IO_DEVICE (fixture->device), 3));
  assert_log (fixture->device, "timed-out");
  g_assert_true (l_io_device_is_open (L_IO_DEVICE (fixture->device)));
  g_assert_cmpuint (fixture->device->n_waits, ==, 1);
}

static void
wait_for_more (TestDevice *device)
{
  device->on_ready_read = NULL;
  device->on_wait = feed_new;
  g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (device), -1));
  assert_peek (device, "oldnew");
}

static void
test_wait_ready_read_in_handler (Fixture       *fixture,
                                 gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("A wait inside a handler gets its bytes without a second handler inside; one emission follows");

  device->on_ready_read = wait_for_more;
  feed (device, "old");
  settle (device);
  assert_log (device, "ready-read ready-read");
  assert_take (device, "oldnew");
}

static void
hang_up (TestDevice *device)
{
  device->hung_up = TRUE;
}

static void
test_wait_ready_read_ended (Fixture       *fixture,
                            gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  device->on_wait = hang_up;
  g_assert_false (l_io_device_wait_for_ready_read (L_IO_DEVICE (device), -1));
  assert_log (device, "input-ended");
  g_assert_false (l_io_device_wait_for_ready_read (L_IO_DEVICE (device), -1));
  assert_log (device, "");
}

static void
feed_and_hang_up (TestDevice *device)
{
  feed (device, "last");
  device->hung_up = TRUE;
}

static void
test_wait_ready_read_last (Fixture       *fixture,
                           gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  device->on_wait = feed_and_hang_up;
  g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (device), -1));
  assert_take (device, "last");
}

static void
test_wait_ready_read_closed_in_handler (Fixture       *fixture,
                                        gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  device->on_wait = feed_new;
  device->on_ready_read = close_and_end;
  g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (device), -1));
  assert_log (device, "ready-read about-to-close");
}

static void
test_wait_ready_read_dropped (Fixture       *fixture,
                              gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_object_add_weak_pointer (G_OBJECT (device), (gpointer *) &fixture->device);
  device->on_wait = feed_new;
  device->on_ready_read = drop_reference;
  l_io_device_wait_for_ready_read (L_IO_DEVICE (device), -1);
  g_assert_null (fixture->device);
}

static void
answer_once_sent (TestDevice *device)
{
  if (device->sent->len == 3)
    feed (device, "answer");
  else
    device->room++;
}

static void
test_wait_ready_read_sends (Fixture       *fixture,
                            gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("A wait for the answer sends the question");

  device->room = 1;
  device->on_wait = answer_once_sent;
  write_text (device, "ask");
  g_assert_true (l_io_device_wait_for_ready_read (L_IO_DEVICE (device), -1));
  assert_log (device, "bytes-written(1) bytes-written(1) bytes-written(1) ready-read");
}

static void
test_wait_until_open (void)
{
  g_autoptr(TestDevice) device = device_new (L_OPEN_MODE_NOT_OPEN);
  LIODevice *d = L_IO_DEVICE (device);

  l_io_device_set_opening (d, L_OPEN_MODE_READ_WRITE);
  write_text (device, "ask");
  g_assert_false (l_io_device_wait_for_bytes_written (d, 0));
  assert_log (device, "");
  assert_to_write (device, 3);

  device->opens = TRUE;
  g_assert_true (l_io_device_wait_for_bytes_written (d, 0));
  assert_log (device, "bytes-written(3)");
  assert_sent (device, "ask");
}

static void
test_wait_bytes_written (Fixture       *fixture,
                         gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  g_assert_false (l_io_device_wait_for_bytes_written (d, -1));
  assert_log (device, "");
  write_text (device, "abc");
  g_assert_true (l_io_device_wait_for_bytes_written (d, 0));
  assert_log (device, "bytes-written(3)");
  g_assert_false (l_io_device_wait_for_bytes_written (d, -1));
  g_assert_cmpuint (device->n_waits, ==, 0);
}

static void
make_room (TestDevice *device)
{
  device->room = 2;
}

static void
test_wait_bytes_written_blocked (Fixture       *fixture,
                                 gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  LIODevice *d = L_IO_DEVICE (device);

  device->room = 0;
  write_text (device, "abc");
  g_assert_false (l_io_device_wait_for_bytes_written (d, 2));
  assert_log (device, "timed-out");
  device->on_wait = make_room;
  g_assert_true (l_io_device_wait_for_bytes_written (d, -1));
  assert_log (device, "bytes-written(2)");
  g_assert_true (l_io_device_wait_for_bytes_written (d, -1));
  assert_log (device, "bytes-written(1)");
  assert_sent (device, "abc");
}

static void
feed_then_make_room (TestDevice *device)
{
  device->on_wait = make_room;
  feed (device, "in");
}

static void
test_wait_bytes_written_receives (Fixture       *fixture,
                                  gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  device->room = 0;
  write_text (device, "ab");
  device->on_wait = feed_then_make_room;
  g_assert_true (l_io_device_wait_for_bytes_written (L_IO_DEVICE (device), -1));
  assert_log (device, "ready-read bytes-written(2)");
}

static void
test_wait_bytes_written_offered (Fixture       *fixture,
                                 gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("What write() has sent at once is reported too");

  g_assert_cmpint (write_count (device, 64 * KIB, NULL), ==, 64 * KIB);
  g_assert_true (l_io_device_wait_for_bytes_written (L_IO_DEVICE (device), -1));
  assert_log (device, "bytes-written(65536)");
  g_assert_false (l_io_device_wait_for_bytes_written (L_IO_DEVICE (device), -1));
}

static void
write_and_wait (TestDevice *device)
{
  device->on_bytes_written = NULL;
  write_text (device, "cd");
  g_assert_true (l_io_device_wait_for_bytes_written (L_IO_DEVICE (device), -1));
  assert_sent (device, "abcd");
}

static void
test_wait_bytes_written_in_handler (Fixture       *fixture,
                                    gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  device->on_bytes_written = write_and_wait;
  write_text (device, "ab");
  settle (device);
  assert_log (device, "bytes-written(2) bytes-written(2)");
}

static void
test_wait_bytes_written_ended (Fixture       *fixture,
                               gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  device->room = 0;
  write_text (device, "ab");
  device->on_wait = hang_up;
  device->write_error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "broken");
  g_assert_false (l_io_device_wait_for_bytes_written (L_IO_DEVICE (device), -1));
  assert_log (device, "failed(broken)");
}

static void
feed_more (TestDevice *device)
{
  feed (device, "more");
}

static void
test_wait_flooded (Fixture       *fixture,
                   gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("A wait for bytes to go ends at its deadline, however much comes in");

  device->room = 0;
  device->on_wait = feed_more;
  write_text (device, "ab");
  g_assert_false (l_io_device_wait_for_bytes_written (L_IO_DEVICE (device), 0));
  g_assert_true (g_str_has_suffix (device->log->str, "timed-out"));
}

static void
write_again (TestDevice *device)
{
  write_text (device, "again");
}

static void
make_some_room (TestDevice *device)
{
  device->room = 100;
}

static void
test_wait_always_writing (Fixture       *fixture,
                          gconstpointer  unused)
{
  TestDevice *device = fixture->device;

  g_test_summary ("A wait for bytes to come ends at its deadline, however much goes out");

  device->on_wait = make_some_room;
  device->on_bytes_written = write_again;
  device->room = 2;
  write_text (device, "abc");
  g_assert_false (l_io_device_wait_for_ready_read (L_IO_DEVICE (device), 0));
  g_assert_true (g_str_has_suffix (device->log->str, "timed-out"));
  device->on_bytes_written = NULL;
}

/* What the streams do with a device whose output fails. The rest of them is in test-stream.c. */

static void
break_output (TestDevice *device)
{
  device->room = 0;
  device->write_error = g_error_new_literal (L_SOCKET_ERROR, L_SOCKET_ERROR_PEER_CLOSED, "broken");
  write_text (device, "lost");
}

static void
test_stream_write_after_failure (Fixture       *fixture,
                                 gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  GOutputStream *stream = g_io_stream_get_output_stream (G_IO_STREAM (device));
  g_autoptr(GError) error = NULL;

  g_test_summary ("A blocking write fails when what was queued before it cannot be sent, instead of trying for ever");

  break_output (device);
  g_assert_cmpint (g_output_stream_write (stream, "x", 1, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  assert_log (device, "");
  settle (device);
  assert_log (device, "failed(broken)");
}

static void
test_stream_flush_after_failure (Fixture       *fixture,
                                 gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  GOutputStream *stream = g_io_stream_get_output_stream (G_IO_STREAM (device));
  g_autoptr(GError) error = NULL;

  break_output (device);
  g_assert_false (g_output_stream_flush (stream, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
}

static void
test_stream_write_nonblocking_after_failure (Fixture       *fixture,
                                             gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  GOutputStream *stream = g_io_stream_get_output_stream (G_IO_STREAM (device));
  g_autoptr(GError) error = NULL;
  gssize n_written;

  break_output (device);
  n_written = g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (stream), "x", 1, NULL, &error);
  g_assert_cmpint (n_written, ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
}

static void
test_stream_read_after_failure (Fixture       *fixture,
                                gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  GInputStream *stream = g_io_stream_get_input_stream (G_IO_STREAM (device));
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  char buffer[8];

  g_test_summary ("A blocking read waits for input alone when the output is broken: it is always ready");

  break_output (device);
  device->on_wait = feed_new;
  g_assert_cmpint (g_input_stream_read (stream, buffer, sizeof buffer, cancellable, NULL), ==, 3);
  g_assert_cmpmem (buffer, 3, "new", 3);
  g_assert_cmpuint (device->last_waited_for, ==, G_IO_IN);
}

static void
test_stream_read_sends (Fixture       *fixture,
                        gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  GInputStream *stream = g_io_stream_get_input_stream (G_IO_STREAM (device));
  char buffer[8];

  g_test_summary ("A blocking read sends the question that was written before it");

  device->room = 1;
  device->on_wait = answer_once_sent;
  write_text (device, "ask");
  g_assert_cmpint (g_input_stream_read (stream, buffer, sizeof buffer, NULL, NULL), ==, 6);
  assert_sent (device, "ask");
  settle (device);
  assert_log (device, "bytes-written(3)");
}

static void
test_stream_write_sends_queue (Fixture       *fixture,
                               gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  GOutputStream *stream = g_io_stream_get_output_stream (G_IO_STREAM (device));

  g_test_summary ("What the device still had queued is announced by the loop, what the stream wrote is not");

  device->room = 2;
  write_text (device, "abcde");
  settle (device);
  assert_log (device, "bytes-written(2)");
  device->room = G_MAXSIZE;
  g_assert_cmpint (g_output_stream_write (stream, "fg", 2, NULL, NULL), ==, 2);
  assert_sent (device, "abcdefg");
  assert_log (device, "");
  settle (device);
  assert_log (device, "bytes-written(3)");
}

static void
test_stream_detached (Fixture       *fixture,
                      gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  g_autoptr(GInputStream) input = g_object_ref (g_io_stream_get_input_stream (G_IO_STREAM (device)));
  g_autoptr(GOutputStream) output = g_object_ref (g_io_stream_get_output_stream (G_IO_STREAM (device)));
  g_autoptr(GError) error = NULL;
  char byte;

  g_assert_true (input == g_io_stream_get_input_stream (G_IO_STREAM (device)));
  close_and_end (device);
  g_assert_cmpint (g_input_stream_read (input, &byte, 1, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  g_assert_cmpint (g_output_stream_write (output, "x", 1, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_assert_true (input != g_io_stream_get_input_stream (G_IO_STREAM (device)));
  g_assert_cmpuint (device->n_shutdowns, ==, 0);
}

/* A stream that is closed in another thread, which is called straight: GIO flushes first, and that notices what ended. */

typedef struct
{
  GOutputStream *stream;
  GThread       *thread;
  gboolean       closed;
  GError        *error;
} Closer;

static gpointer
close_directly (gpointer user_data)
{
  Closer *closer = user_data;

  closer->closed = G_OUTPUT_STREAM_GET_CLASS (closer->stream)->close_fn (closer->stream, NULL, &closer->error);
  return NULL;
}

static void
closer_start (Closer     *closer,
              TestDevice *device)
{
  *closer = (Closer) { .stream = g_object_ref (g_io_stream_get_output_stream (G_IO_STREAM (device))) };
  closer->thread = g_thread_new ("closer", close_directly, closer);
}

static void
closer_join (Closer *closer)
{
  g_thread_join (g_steal_pointer (&closer->thread));
  g_object_unref (closer->stream);
}

/* It waits, until the test has done something. */
static GMutex wait_lock;
static GCond wait_changed;
static gboolean is_waiting;

static void
stay_in_wait (TestDevice *device)
{
  device->on_wait = NULL;

  g_mutex_lock (&wait_lock);
  is_waiting = TRUE;
  g_cond_signal (&wait_changed);
  while (is_waiting)
    g_cond_wait (&wait_changed, &wait_lock);
  g_mutex_unlock (&wait_lock);
}

static void
await_wait (void)
{
  g_mutex_lock (&wait_lock);
  while (!is_waiting)
    g_cond_wait (&wait_changed, &wait_lock);
  g_mutex_unlock (&wait_lock);
}

static void
leave_wait (void)
{
  g_mutex_lock (&wait_lock);
  is_waiting = FALSE;
  g_cond_signal (&wait_changed);
  g_mutex_unlock (&wait_lock);
}

static void
begin_another_session (TestDevice *device)
{
  close_and_end (device);
  l_io_device_set_open (L_IO_DEVICE (device), L_OPEN_MODE_READ_WRITE);
}

/* Nobody has ended the output of the session that there is. */
static void
assert_undisturbed (TestDevice *device)
{
  g_assert_cmpuint (device->n_shutdowns, ==, 0);
  g_assert_true (l_io_device_is_writable (L_IO_DEVICE (device)));
  device->room = G_MAXSIZE;
  g_byte_array_set_size (device->sent, 0);
  write_text (device, "new");
  settle (device);
  assert_sent (device, "new");
}

static void
test_stream_closed_late (Fixture       *fixture,
                         gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  Closer closer = { .stream = g_object_ref (g_io_stream_get_output_stream (G_IO_STREAM (device))) };

  g_test_summary ("Another session has begun: in the owner's thread, and in another");

  begin_another_session (device);
  close_directly (&closer);
  g_assert_no_error (closer.error);
  g_assert_true (closer.closed);
  assert_undisturbed (device);

  closer.thread = g_thread_new ("closer", close_directly, &closer);
  closer_join (&closer);
  g_assert_no_error (closer.error);
  g_assert_true (closer.closed);
  assert_undisturbed (device);
}

static void
test_stream_closed_meanwhile (Fixture       *fixture,
                              gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  Closer closer;

  g_test_summary ("While it waits the last is sent, and another session begins, whose output is none of its business");

  device->room = 0;
  device->on_wait = stay_in_wait;
  write_text (device, "old");
  closer_start (&closer, device);
  await_wait ();
  device->room = G_MAXSIZE;
  settle (device);
  begin_another_session (device);
  leave_wait ();
  closer_join (&closer);
  g_assert_no_error (closer.error);
  g_assert_true (closer.closed);
  assert_undisturbed (device);
}

static void
test_stream_closed_while_blocked (Fixture       *fixture,
                                  gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  Closer closer;

  g_test_summary ("While it waits another session begins, which the system takes nothing of: that is not waited for");

  device->room = 0;
  device->on_wait = stay_in_wait;
  write_text (device, "lost");
  closer_start (&closer, device);
  await_wait ();
  begin_another_session (device);
  write_text (device, "kept");
  settle (device);
  leave_wait ();
  closer_join (&closer);
  g_assert_false (closer.closed);
  g_assert_error (closer.error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  g_clear_error (&closer.error);
  g_assert_cmpuint (device->n_waits, ==, 1);

  device->room = G_MAXSIZE;
  settle (device);
  assert_sent (device, "kept");
  assert_undisturbed (device);
}

/* The whole device is closed in another thread. */
static gpointer
finish_output (gpointer device)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (l_io_device_finish_output (device, NULL, &error));
  return NULL;
}

static void
test_disregard_finished_elsewhere (Fixture       *fixture,
                                   gconstpointer  unused)
{
  TestDevice *device = fixture->device;
  GInputStream *stream = g_io_stream_get_input_stream (G_IO_STREAM (device));
  char buffer[8];

  g_test_summary ("It takes what comes, of which the owner is told nothing; what had come before is still there");

  feed (device, "ab");
  settle (device);
  assert_log (device, "ready-read");
  device->room = 0;
  device->on_wait = make_room_once_read;
  write_text (device, "rest");
  feed (device, "theirs");
  g_thread_join (g_thread_new ("closer", finish_output, device));
  assert_sent (device, "rest");
  g_assert_cmpuint (device->incoming->len, ==, 0);

  feed (device, "more");
  settle (device);
  assert_log (device, "bytes-written(4)");
  g_assert_cmpint (g_input_stream_read (stream, buffer, sizeof buffer, NULL, NULL), ==, 2);
  g_assert_cmpint (g_input_stream_read (stream, buffer, sizeof buffer, NULL, NULL), ==, 0);
}

#define ADD(path, func) g_test_add ("/io-device/" path, Fixture, NULL, setup, func, teardown)
#define ADD_FUNC(path, func) g_test_add_func ("/io-device/" path, func)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (write_log, NULL, NULL);

  ADD_FUNC ("open/not-yet", test_open_not_yet);
  ADD_FUNC ("open/read-write", test_open_read_write);
  ADD_FUNC ("open/read-only", test_open_read_only);
  ADD_FUNC ("open/write-only", test_open_write_only);
  ADD_FUNC ("open/write-only-small-buffer", test_open_write_only_small_buffer);
  ADD_FUNC ("open/write-only-unread", test_open_write_only_unread);
  ADD_FUNC ("open/unbuffered", test_open_unbuffered);
  ADD_FUNC ("open/unbuffered-blocked", test_open_unbuffered_blocked);
  ADD_FUNC ("open/unbuffered-bytes", test_open_unbuffered_bytes);
  ADD ("close/about-to-close", test_close_about_to_close);
  ADD ("close/drops-input", test_close_drops_input);
  ADD ("close/in-about-to-close", test_close_in_about_to_close);
  ADD ("close/opened-in-about-to-close", test_close_opened_in_about_to_close);
  ADD ("close/dropped-in-about-to-close", test_close_dropped_in_about_to_close);
  ADD ("close/end-keeps-input", test_close_end_keeps_input);
  ADD ("close/finalize-is-silent", test_close_finalize_is_silent);
  ADD ("properties/values", test_properties);
  ADD ("properties/error-string-deferred", test_error_string_deferred);
  ADD ("properties/notified", test_properties_notified);

  ADD ("read/parts", test_read_parts);
  ADD ("read/nothing-yet", test_read_nothing_yet);
  ADD ("read/ended", test_read_ended);
  ADD ("read/bytes", test_read_bytes);
  ADD ("read/much", test_read_much);
  ADD ("read/failed", test_read_failed);
  ADD ("read/line", test_read_line);
  ADD ("read/line-max-length", test_read_line_max_length);
  ADD ("read/line-with-nul", test_read_line_with_nul);
  ADD ("read/line-ended", test_read_line_ended);
  ADD ("read/peek", test_peek);
  ADD ("read/skip", test_skip);
  ADD ("read/unread", test_unread);
  ADD ("read/unread-after-end", test_unread_after_end);
  ADD ("read/unread-not-open", test_unread_not_open);

  ADD ("transaction/rollback", test_transaction_rollback);
  ADD ("transaction/commit", test_transaction_commit);
  ADD ("transaction/arrival", test_transaction_arrival);
  ADD ("transaction/misuse", test_transaction_misuse);
  ADD ("transaction/closed", test_transaction_closed);
  ADD ("transaction/ended", test_transaction_ended);

  ADD ("limit/refill", test_limit_refill);
  ADD ("limit/read-in-handler", test_limit_read_in_handler);
  ADD ("limit/lowered", test_limit_lowered);
  ADD ("limit/raised", test_limit_raised);
  ADD ("limit/peek-counts", test_limit_peek_counts);
  ADD ("limit/transaction-counts", test_limit_transaction_counts);
  ADD ("limit/unread-counts", test_limit_unread_counts);
  ADD ("limit/stream-transaction-counts", test_limit_stream_transaction_counts);
  ADD ("limit/hang-up", test_limit_hang_up);
  ADD ("limit/half-close", test_limit_half_close);
  ADD ("limit/wait", test_limit_wait);

  ADD ("write/gathered", test_write_gathered);
  ADD ("write/offered", test_write_offered);
  ADD ("write/offered-bytes", test_write_offered_bytes);
  ADD ("write/not-offered-when-blocked", test_write_not_offered_when_blocked);
  ADD ("write/in-pieces", test_write_in_pieces);
  ADD ("write/order", test_write_order);
  ADD ("write/buffer-size", test_write_buffer_size);
  ADD ("write/buffer-size-offers", test_write_buffer_size_offers);
  ADD ("write/buffer-size-lowered", test_write_buffer_size_lowered);
  ADD ("write/bytes-all-or-nothing", test_write_bytes_all_or_nothing);
  ADD ("write/bytes-any-size", test_write_bytes_any_size);
  ADD ("write/bytes-empty", test_write_bytes_empty);
  ADD ("write/bytes-by-reference", test_write_bytes_by_reference);
  ADD_FUNC ("write/opening", test_write_opening);
  ADD_FUNC ("write/opening-failed", test_write_opening_failed);
  ADD ("write/after-end-of-output", test_write_after_end_of_output);
  ADD ("write/after-end-of-blocked-output", test_write_after_end_of_blocked_output);
  ADD ("write/dropped", test_write_dropped);
  ADD ("write/vectors", test_write_vectors);

  ADD ("flush/flush", test_flush);
  ADD ("flush/reports-offered", test_flush_reports_offered);
  ADD ("flush/failed", test_flush_failed);
  ADD ("flush/failed-in-write", test_flush_failed_in_write);
  ADD ("flush/not-in-next-session", test_flush_not_in_next_session);

  ADD ("signal/reply-in-ready-read", test_signal_reply_in_ready_read);
  ADD ("signal/write-in-bytes-written", test_signal_write_in_bytes_written);
  ADD ("signal/flush-in-bytes-written", test_signal_flush_in_bytes_written);
  ADD ("signal/nested-ready-read", test_signal_nested_ready_read);
  ADD ("signal/nested-ready-read-taken", test_signal_nested_ready_read_taken);
  ADD ("signal/two-devices", test_signal_two_devices);
  ADD ("signal/freed-unread", test_signal_freed_unread);
  ADD ("signal/nested-hang-up", test_signal_nested_hang_up);
  ADD ("signal/nested-full", test_signal_nested_full);
  ADD ("signal/nested-output", test_signal_nested_output);
  ADD ("signal/closed-in-ready-read", test_signal_closed_in_ready_read);
  ADD ("signal/reopened-in-ready-read", test_signal_reopened_in_ready_read);
  ADD ("signal/dropped-in-ready-read", test_signal_dropped_in_ready_read);
  ADD ("signal/dropped-in-bytes-written", test_signal_dropped_in_bytes_written);
  ADD ("signal/closed-in-bytes-written", test_signal_closed_in_bytes_written);
  ADD ("signal/dropped-in-input-ended", test_signal_dropped_in_input_ended);
  ADD ("signal/dropped-in-failed", test_signal_dropped_in_failed);
  ADD ("signal/closed-in-notify-available", test_signal_closed_in_notify_available);
  ADD ("signal/closed-in-notify-to-write", test_signal_closed_in_notify_to_write);
  ADD ("signal/ready-read-once", test_signal_ready_read_once);
  ADD ("signal/read-channel-finished", test_signal_read_channel_finished);

  ADD ("disregard/silent", test_disregard_silent);
  ADD ("disregard/drain", test_disregard_drain);
  ADD ("disregard/full", test_disregard_full);
  ADD ("disregard/full-unread", test_disregard_full_unread);
  ADD ("disregard/flood", test_disregard_flood);
  ADD ("disregard/ended", test_disregard_ended);
  ADD ("disregard/async", test_disregard_async);
  ADD ("disregard/async-late", test_disregard_async_late);
  ADD ("disregard/other-read", test_disregard_other_read);
  ADD ("long-line", test_long_line);
  ADD ("disregard/freed", test_disregard_freed);
  ADD ("disregard/in-handler", test_disregard_in_handler);
  ADD ("disregard/failed", test_disregard_failed);
  ADD ("disregard/wait", test_disregard_wait);
  ADD ("disregard/cancelled", test_disregard_cancelled);
  ADD ("disregard/finished-elsewhere", test_disregard_finished_elsewhere);

  ADD ("wait/ready-read", test_wait_ready_read);
  ADD ("wait/ready-read-at-once", test_wait_ready_read_at_once);
  ADD ("wait/ready-read-new-bytes", test_wait_ready_read_new_bytes);
  ADD ("wait/ready-read-deadline", test_wait_ready_read_deadline);
  ADD ("wait/ready-read-in-handler", test_wait_ready_read_in_handler);
  ADD ("wait/ready-read-ended", test_wait_ready_read_ended);
  ADD ("wait/ready-read-last", test_wait_ready_read_last);
  ADD ("wait/ready-read-closed-in-handler", test_wait_ready_read_closed_in_handler);
  ADD ("wait/ready-read-dropped", test_wait_ready_read_dropped);
  ADD ("wait/ready-read-sends", test_wait_ready_read_sends);
  ADD_FUNC ("wait/until-open", test_wait_until_open);
  ADD ("wait/bytes-written", test_wait_bytes_written);
  ADD ("wait/bytes-written-blocked", test_wait_bytes_written_blocked);
  ADD ("wait/bytes-written-receives", test_wait_bytes_written_receives);
  ADD ("wait/bytes-written-offered", test_wait_bytes_written_offered);
  ADD ("wait/bytes-written-in-handler", test_wait_bytes_written_in_handler);
  ADD ("wait/bytes-written-ended", test_wait_bytes_written_ended);
  ADD ("wait/flooded", test_wait_flooded);
  ADD ("wait/always-writing", test_wait_always_writing);

  ADD ("stream/write-after-failure", test_stream_write_after_failure);
  ADD ("stream/flush-after-failure", test_stream_flush_after_failure);
  ADD ("stream/write-nonblocking-after-failure", test_stream_write_nonblocking_after_failure);
  ADD ("stream/read-after-failure", test_stream_read_after_failure);
  ADD ("stream/read-sends", test_stream_read_sends);
  ADD ("stream/write-sends-queue", test_stream_write_sends_queue);
  ADD ("stream/detached", test_stream_detached);
  ADD ("stream/closed-late", test_stream_closed_late);
  ADD ("stream/closed-meanwhile", test_stream_closed_meanwhile);
  ADD ("stream/closed-while-blocked", test_stream_closed_while_blocked);

  return g_test_run ();
}
