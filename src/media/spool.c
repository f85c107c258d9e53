/* spool.c - bytes in a temporary file without a name. */
#include "media/audio_private.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <sys/mman.h>
#include <unistd.h>

bool
em_spool_open (EmSpool *s, GError **error)
{
  g_autofree char *folder = g_build_filename (g_get_user_cache_dir (), "earmark", NULL);
  g_autofree char *path = g_build_filename (folder, "sound-XXXXXX", NULL);
  g_autoptr (GError) cause = NULL;

  *s = (EmSpool){ .fd = -1 };
  /* The cache folder first: temporary folders often lie in memory. */
  if (g_mkdir_with_parents (folder, 0700) == 0)
    s->fd = g_mkstemp (path);
  if (s->fd < 0) {
    g_clear_pointer (&path, g_free);
    s->fd = g_file_open_tmp ("earmark-XXXXXX", &path, &cause);
  }
  if (s->fd < 0) {
    g_set_error (error, EM_ERROR, EM_E_INPUT, "no place for decoded sound: %s", cause->message);
    return false;
  }
  g_unlink (path);
  return true;
}

void
em_spool_write (EmSpool *s, const void *bytes, gsize n)
{
  const char *p = bytes;

  while (n > 0 && !s->failed) {
    ssize_t done = write (s->fd, p, n);
    if (done < 0 && errno != EINTR)
      s->failed = errno;
    if (done > 0) {
      p += done;
      n -= (gsize) done;
      s->bytes += (uint64_t) done;
    }
  }
}

void
em_spool_write_zeros (EmSpool *s, uint64_t n)
{
  static const char zeros[4096];

  for (; n > 0 && !s->failed; n -= MIN (n, sizeof zeros))
    em_spool_write (s, zeros, MIN (n, sizeof zeros));
}

bool
em_spool_map (EmSpool *s, GError **error)
{
  if (!s->failed && s->bytes > 0) {
    s->map = mmap (NULL, s->bytes, PROT_READ, MAP_SHARED, s->fd, 0);
    if (s->map == MAP_FAILED) {
      s->map = NULL;
      s->failed = errno;
    }
  }
  if (s->failed)
    g_set_error (error, EM_ERROR, EM_E_INPUT, "decoded sound cannot be kept: %s",
                 g_strerror (s->failed));
  return !s->failed;
}

void
em_spool_close (EmSpool *s)
{
  if (s->map)
    munmap (s->map, s->bytes);
  if (s->fd >= 0)
    close (s->fd);
  *s = (EmSpool){ .fd = -1 };
}
