/* units_file.c - scanning a file for its units, and the cache file they are kept in.
 *
 * The cache file is the units' bytes in decode order, a table of them, and a trailer that says
 * where the table is. It is written beside its name and renamed, so a reader sees all of it or
 * nothing; one that does not check out is written again. The folder is kept below a size by
 * dropping what was not opened for longest; files in use live on until they are closed. */
#include "media/units_private.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_UNITS  96
#define HEAD_BYTES  (64u << 20)
#define CACHE_BYTES ((uint64_t) 4 << 30)
#define TABLE_TYPE  "(iba(xxxbbiut)as)" /* orientation, guesses, units, caps */

static const char MAGIC[8] = "EMUNIT1";

typedef struct {
  char magic[8];
  uint64_t table_offset, table_size;
} Trailer;

typedef struct {
  EmUnits *u;
  int fd; /* where the bytes go; -1: the first ones stay in memory */
  uint64_t offset, head_bytes;
  int failed; /* errno of a write */
} Scan;

static bool
write_all (int fd, const void *bytes, gsize n)
{
  const char *p = bytes;

  while (n > 0) {
    ssize_t done = write (fd, p, n);
    if (done < 0 && errno == EINTR)
      continue;
    if (done < 0)
      return false;
    p += done;
    n -= (gsize) done;
  }
  return true;
}

static bool
scan_packet (const EmPacket *packet, GstBuffer *buffer, void *self)
{
  Scan *scan = self;
  EmUnits *u = scan->u;
  gsize size = gst_buffer_get_size (buffer);
  EmUnit unit = { .time_ns = packet->time_ns,
                  .duration_ns = packet->duration_ns,
                  .is_key = packet->is_key,
                  .is_hidden = packet->is_hidden,
                  .caps = packet->caps,
                  .offset = scan->offset,
                  .size = (uint32_t) size };

  u->has_guesses |= packet->is_guess;
  scan->offset += size;
  g_array_append_val (u->table, unit);
  if (scan->fd >= 0) {
    GstMapInfo map;
    bool is_written = gst_buffer_map (buffer, &map, GST_MAP_READ);

    if (is_written) {
      is_written = write_all (scan->fd, map.data, map.size);
      gst_buffer_unmap (buffer, &map);
    }
    if (!is_written)
      scan->failed = errno ? errno : EIO;
  } else if (u->head->len + 1 == u->table->len && u->head->len < HEAD_UNITS
             && (u->head->len == 0 || scan->head_bytes + size <= HEAD_BYTES)) {
    scan->head_bytes += size;
    g_ptr_array_add (u->head, gst_buffer_copy_deep (buffer));
  }
  return !scan->failed;
}

static EmUnits *
scan (const char *path, int fd, EmPackets *info, GCancellable *cancellable, GError **error)
{
  Scan scan = { .u = em_units_new (), .fd = fd };
  EmPackets packets;

  if (!em_packets_run (path, &packets, scan_packet, &scan, cancellable, error)) {
    em_units_unref (scan.u);
    return NULL;
  }
  if (scan.failed) {
    g_set_error (error, EM_ERROR, EM_E_INPUT, "the cache folder cannot be written: %s",
                 g_strerror (scan.failed));
    em_packets_clear (&packets);
    em_units_unref (scan.u);
    return NULL;
  }
  for (guint i = 0; i < packets.caps->len; i++)
    g_ptr_array_add (scan.u->caps, gst_caps_ref (packets.caps->pdata[i]));
  scan.u->orientation = packets.orientation;
  scan.u->fd = fd;
  em_units_number (scan.u);
  if (info)
    *info = packets;
  else
    em_packets_clear (&packets);
  return scan.u;
}

EmUnits *
em_units_scan (const char *path, EmPackets *info, GCancellable *cancellable, GError **error)
{
  return scan (path, -1, info, cancellable, error);
}

static bool
write_table (const EmUnits *u, int fd)
{
  g_autoptr (GVariant) table = NULL;
  GVariantBuilder units, caps;
  Trailer trailer = { .table_size = 0 };

  g_variant_builder_init (&units, G_VARIANT_TYPE ("a(xxxbbiut)"));
  for (int i = 0; i < em_units_count (u); i++) {
    const EmUnit *unit = &em_units_table (u)[i];
    g_variant_builder_add (&units, "(xxxbbiut)", unit->tag, unit->time_ns, unit->duration_ns,
                           unit->is_key, unit->is_hidden, unit->caps, unit->size, unit->offset);
    trailer.table_offset = unit->offset + unit->size;
  }
  g_variant_builder_init (&caps, G_VARIANT_TYPE ("as"));
  for (guint i = 0; i < u->caps->len; i++) {
    g_autofree char *text = gst_caps_to_string (u->caps->pdata[i]);
    g_variant_builder_add (&caps, "s", text);
  }
  table = g_variant_ref_sink (
      g_variant_new ("(iba(xxxbbiut)as)", (gint32) u->orientation, u->has_guesses, &units, &caps));
  trailer.table_size = g_variant_get_size (table);
  memcpy (trailer.magic, MAGIC, sizeof MAGIC);
  return write_all (fd, g_variant_get_data (table), trailer.table_size)
         && write_all (fd, &trailer, sizeof trailer);
}

/* False unless everything in the table can be used without a further look. */
static bool
take_table (EmUnits *u, GVariant *table, uint64_t payload)
{
  g_autoptr (GVariantIter) units = NULL, caps = NULL;
  EmUnit unit;
  gboolean has_guesses, is_key, is_hidden;
  gint32 orientation, which;
  const char *text;

  g_variant_get (table, TABLE_TYPE, &orientation, &has_guesses, &units, &caps);
  u->orientation = (GstVideoOrientationMethod) orientation;
  u->has_guesses = has_guesses;
  while (g_variant_iter_next (caps, "&s", &text)) {
    GstCaps *one = gst_caps_from_string (text);
    if (!one)
      return false;
    g_ptr_array_add (u->caps, one);
  }
  while (g_variant_iter_next (units, "(xxxbbiut)", &unit.tag, &unit.time_ns, &unit.duration_ns,
                              &is_key, &is_hidden, &which, &unit.size, &unit.offset)) {
    unit.is_key = is_key;
    unit.is_hidden = is_hidden;
    unit.caps = which;
    if (which < 0 || which >= (int) u->caps->len || unit.offset > payload
        || unit.size > payload - unit.offset || unit.tag < 0)
      return false;
    g_array_append_val (u->table, unit);
  }
  return u->table->len > 0;
}

static EmUnits *
load (const char *file)
{
  g_autoptr (EmUnits) u = em_units_new ();
  g_autoptr (GVariant) table = NULL;
  struct stat st;
  Trailer trailer;
  void *bytes;

  u->fd = open (file, O_RDONLY | O_CLOEXEC);
  if (u->fd < 0 || fstat (u->fd, &st) || st.st_size < (off_t) sizeof trailer
      || pread (u->fd, &trailer, sizeof trailer, st.st_size - (off_t) sizeof trailer)
             != sizeof trailer
      || memcmp (trailer.magic, MAGIC, sizeof MAGIC)
      || trailer.table_size > (uint64_t) st.st_size - sizeof trailer
      || trailer.table_offset != (uint64_t) st.st_size - sizeof trailer - trailer.table_size)
    return NULL;
  bytes = g_malloc (trailer.table_size);
  table = g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE (TABLE_TYPE), bytes,
                                                       trailer.table_size, FALSE, g_free, bytes));
  if (pread (u->fd, bytes, trailer.table_size, (off_t) trailer.table_offset)
          != (ssize_t) trailer.table_size
      || !g_variant_is_normal_form (table) || !take_table (u, table, trailer.table_offset))
    return NULL;
  futimens (u->fd, NULL); /* opened now: last to be dropped */
  return g_steal_pointer (&u);
}

typedef struct {
  char *path;
  uint64_t size;
  time_t used;
} CacheFile;

static int
newest_first (gconstpointer a, gconstpointer b)
{
  time_t x = ((const CacheFile *) a)->used, y = ((const CacheFile *) b)->used;

  return x < y ? 1 : x > y ? -1 : 0;
}

static void
clear_cache_file (gpointer data)
{
  g_free (((CacheFile *) data)->path);
}

static void
trim_cache (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  g_autoptr (GArray) files = g_array_new (FALSE, FALSE, sizeof (CacheFile));
  uint64_t total = 0;

  g_array_set_clear_func (files, clear_cache_file);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    CacheFile file = { .path = g_build_filename (folder, name, NULL) };
    struct stat st;

    if (stat (file.path, &st) == 0) {
      file.size = (uint64_t) st.st_size;
      file.used = st.st_mtime;
    }
    g_array_append_val (files, file);
  }
  g_array_sort (files, newest_first);
  for (guint i = 0; i < files->len; i++) {
    const CacheFile *file = &g_array_index (files, CacheFile, i);
    total += file->size;
    if (i > 0 && total > CACHE_BYTES)
      g_unlink (file->path);
  }
}

EmUnits *
em_units_open (const char *path, const char *fingerprint, GCancellable *cancellable, GError **error)
{
  g_autofree char *folder = g_build_filename (g_get_user_cache_dir (), "earmark", "units", NULL);
  g_autofree char *file = g_build_filename (folder, fingerprint, NULL);
  g_autofree char *draft = g_strconcat (file, ".XXXXXX", NULL);
  EmUnits *u;
  int fd;

  em_media_init ();
  u = load (file);
  if (u)
    return u;

  fd = g_mkdir_with_parents (folder, 0700) == 0 ? g_mkstemp_full (draft, O_RDWR | O_CLOEXEC, 0600)
                                                : -1;
  if (fd < 0) {
    g_clear_pointer (&draft, g_free);
    fd = g_file_open_tmp ("earmark-XXXXXX", &draft, error);
    if (fd < 0)
      return NULL;
    g_unlink (draft);
    u = scan (path, fd, NULL, cancellable, error);
    if (!u)
      close (fd);
    return u;
  }
  u = scan (path, fd, NULL, cancellable, error);
  if (!u)
    close (fd);
  if (!u || !write_table (u, fd) || g_rename (draft, file) != 0)
    g_unlink (draft); /* the open file goes on to serve */
  trim_cache (folder);
  return u;
}
