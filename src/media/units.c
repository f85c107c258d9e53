/* units.c - the table of units, and what they are fed as.
 *
 * Decoders hand a packet's PTS on to its picture: that is how a picture is recognised. So every
 * unit, shown or not, gets a tag that no other has and that keeps the order of showing. */
#include "media/units_private.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Tags begin at an hour, so that what lies before the first shown picture has room below. */
#define FIRST_TAG ((int64_t) 3600 * GST_SECOND)

EmUnits *
em_units_new (void)
{
  EmUnits *u = g_new0 (EmUnits, 1);

  g_atomic_ref_count_init (&u->refs);
  u->table = g_array_new (FALSE, FALSE, sizeof (EmUnit));
  u->caps = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_caps_unref);
  u->head = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);
  u->fd = -1;
  return u;
}

EmUnits *
em_units_ref (EmUnits *u)
{
  g_atomic_ref_count_inc (&u->refs);
  return u;
}

void
em_units_unref (EmUnits *u)
{
  if (!u || !g_atomic_ref_count_dec (&u->refs))
    return;
  if (u->fd >= 0)
    close (u->fd);
  g_array_unref (u->table);
  g_ptr_array_unref (u->caps);
  g_ptr_array_unref (u->head);
  em_folder_free (u->folder);
  g_free (u);
}

int
em_units_count (const EmUnits *u)
{
  return (int) u->table->len;
}

const EmUnit *
em_units_table (const EmUnits *u)
{
  return (const EmUnit *) (void *) u->table->data;
}

int
em_units_readable (const EmUnits *u)
{
  return u->fd >= 0 || u->folder ? (int) u->table->len : (int) u->head->len;
}

bool
em_units_is_shown_tag (const EmUnits *u, int64_t tag)
{
  for (guint i = 0; i < u->table->len; i++)
    if (em_units_table (u)[i].tag == tag)
      return !em_units_table (u)[i].is_hidden;
  return false;
}

bool
em_units_have_guesses (const EmUnits *u)
{
  return u->has_guesses;
}

GstVideoOrientationMethod
em_units_orientation (const EmUnits *u)
{
  return u->orientation;
}

GstCaps *
em_units_caps (const EmUnits *u, int unit)
{
  return u->caps->pdata[em_units_table (u)[unit].caps];
}

static int
by_time (gconstpointer a, gconstpointer b, gpointer data)
{
  const EmUnit *table = data, *x = &table[*(const int *) a], *y = &table[*(const int *) b];

  if (x->time_ns != y->time_ns)
    return x->time_ns < y->time_ns ? -1 : 1;
  if (x->is_hidden != y->is_hidden)
    return x->is_hidden ? 1 : -1;
  return x < y ? -1 : 1;
}

void
em_units_number (EmUnits *u)
{
  EmUnit *table = (EmUnit *) (void *) u->table->data;
  int n = em_units_count (u);
  g_autofree int *order = g_new (int, MAX (n, 1));
  const EmUnit *first = NULL, *shown = NULL;
  int64_t last = -1;
  bool has_key = false;

  for (int i = 0; i < n; i++) {
    order[i] = i;
    has_key |= table[i].is_key;
    table[i].is_hidden |= !has_key; /* nothing to decode it from */
  }
  g_qsort_with_data (order, n, sizeof *order, by_time, table);
  for (int i = 0; i < n && !first; i++)
    if (!table[order[i]].is_hidden)
      first = &table[order[i]];
  for (int i = 0; i < n && first; i++) {
    EmUnit *unit = &table[order[i]];

    /* Two pictures of one moment, such as fields in packets of their own: the first one is shown.
     */
    unit->is_hidden |= shown && shown->time_ns == unit->time_ns;
    if (!unit->is_hidden)
      shown = unit;
    unit->tag = MAX (unit->time_ns - first->time_ns + FIRST_TAG, last + 1);
    last = unit->tag;
  }
}

int
em_units_key_before (const EmUnits *u, int unit, int skip)
{
  const EmUnit *table = em_units_table (u);
  int key = -1;

  /* Not only decoded but also shown before: the pictures of an open group that are shown before
   * their key picture need the group before. */
  for (int i = unit; i >= 0 && skip >= 0; i--)
    if (table[i].is_key && table[i].tag <= table[unit].tag) {
      key = i;
      skip--;
    }
  for (int i = unit; key < 0 && i >= 0; i--)
    if (table[i].is_key)
      key = i;
  return MAX (key, 0);
}

static GstBuffer *
read_bytes (const EmUnits *u, const EmUnit *unit, GError **error)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, MAX (unit->size, 1), NULL);
  GstMapInfo map;
  gsize got = 0;

  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  while (got < unit->size) {
    ssize_t n = pread (u->fd, map.data + got, unit->size - got, (off_t) (unit->offset + got));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      break;
    got += (gsize) n;
  }
  gst_buffer_unmap (buffer, &map);
  gst_buffer_set_size (buffer, (gssize) unit->size);
  if (got == unit->size)
    return buffer;
  gst_buffer_unref (buffer);
  g_set_error (error, EM_ERROR, EM_E_INPUT, "the cache of its packets cannot be read: %s",
               g_strerror (errno));
  return NULL;
}

static GstBuffer *
read_picture (const EmUnits *u, int unit, GError **error)
{
  g_autofree char *path = g_build_filename (u->folder->path, u->folder->pictures[unit], NULL);
  g_autoptr (GError) cause = NULL;
  char *bytes;
  gsize n;

  if (g_file_get_contents (path, &bytes, &n, &cause))
    return gst_buffer_new_wrapped (bytes, n);
  g_set_error (error, EM_ERROR, EM_E_INPUT, "%s", cause->message);
  return NULL;
}

GstBuffer *
em_units_read (const EmUnits *u, int i, GError **error)
{
  const EmUnit *unit = &em_units_table (u)[i];
  GstBuffer *buffer;

  if (u->folder)
    buffer = read_picture (u, i, error);
  else if (i < (int) u->head->len)
    buffer = gst_buffer_copy (u->head->pdata[i]);
  else
    buffer = read_bytes (u, unit, error);
  if (!buffer)
    return NULL;
  GST_BUFFER_PTS (buffer) = (GstClockTime) unit->tag;
  GST_BUFFER_DTS (buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION (buffer)
      = unit->duration_ns > 0 ? (GstClockTime) unit->duration_ns : GST_CLOCK_TIME_NONE;
  GST_BUFFER_OFFSET (buffer) = GST_BUFFER_OFFSET_END (buffer) = GST_BUFFER_OFFSET_NONE;
  GST_BUFFER_FLAGS (buffer) = unit->is_key ? 0 : GST_BUFFER_FLAG_DELTA_UNIT;
  return buffer;
}

EmUnits *
em_units_from_folder (EmFolder *folder)
{
  EmUnits *u = em_units_new ();

  em_media_init ();
  u->folder = folder;
  g_ptr_array_add (u->caps, gst_caps_new_empty_simple (folder->media_type));
  for (int i = 0; i < folder->n; i++) {
    EmUnit unit = { .time_ns = em_folder_pts (folder, i), .is_key = true };
    unit.duration_ns = em_folder_pts (folder, i + 1) - unit.time_ns;
    g_array_append_val (u->table, unit);
  }
  em_units_number (u);
  return u;
}
