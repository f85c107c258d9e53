/* fingerprint.c - which content a clip is, whatever it is called and wherever it lies. */
#include "media/folder.h"
#include "media/packets.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE       (1 << 20)
#define WHOLE_BELOW (4 << 20)

static void
add_size (GChecksum *sum, uint64_t size)
{
  uint64_t little = GUINT64_TO_LE (size);

  g_checksum_update (sum, (const guchar *) &little, sizeof little);
}

static bool
add_piece (GChecksum *sum, int fd, uint64_t offset, uint64_t n, guchar *room)
{
  while (n > 0) {
    ssize_t got = pread (fd, room, MIN (n, PIECE), (off_t) offset);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return got == 0; /* shorter than it said: what is there counts */
    g_checksum_update (sum, room, got);
    offset += (uint64_t) got;
    n -= (uint64_t) got;
  }
  return true;
}

static bool
add_file (GChecksum *sum, const char *path, GError **error)
{
  g_autofree guchar *room = g_malloc (PIECE);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  struct stat st;
  bool is_read = fd >= 0 && fstat (fd, &st) == 0;

  if (is_read) {
    uint64_t size = (uint64_t) st.st_size;
    add_size (sum, size);
    if (size < WHOLE_BELOW)
      is_read = add_piece (sum, fd, 0, size, room);
    else
      is_read = add_piece (sum, fd, 0, PIECE, room)
                && add_piece (sum, fd, (size - PIECE) / 2, PIECE, room)
                && add_piece (sum, fd, size - PIECE, PIECE, room);
  }
  if (!is_read) {
    g_autofree char *name = em_media_name (path);
    g_set_error (error, EM_ERROR, EM_E_INPUT, "%s: %s", name, g_strerror (errno));
  }
  if (fd >= 0)
    close (fd);
  return is_read;
}

static bool
add_folder (GChecksum *sum, const char *path, GError **error)
{
  g_autoptr (EmFolder) folder = em_folder_open (path, NULL, error);

  if (!folder)
    return false;
  for (int i = 0; i < folder->n; i++) {
    g_autofree char *file = g_build_filename (path, folder->pictures[i], NULL);
    g_checksum_update (sum, (const guchar *) folder->pictures[i],
                       (gssize) strlen (folder->pictures[i]) + 1);
    if (!add_file (sum, file, error))
      return false;
  }
  return !folder->sound || add_file (sum, folder->sound, error);
}

char *
em_fingerprint (const char *path, GError **error)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  if (!(g_file_test (path, G_FILE_TEST_IS_DIR) ? add_folder (sum, path, error)
                                               : add_file (sum, path, error)))
    return NULL;
  return g_strdup (g_checksum_get_string (sum));
}
