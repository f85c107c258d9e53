/* folder.c - what readers ask of folders, and the list of clips they fill. */
#include "formats/folder.h"
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *
em_path (const char *folder, const char *name, ...)
{
  char *last = NULL, *path = NULL;
  va_list args;
  int n;

  va_start (args, name);
  n = vasprintf (&last, name, args);
  va_end (args);
  EM_BUG_UNLESS (n >= 0 && asprintf (&path, "%s/%s", folder, last) >= 0);
  free (last);
  return path;
}

bool
em_is_folder (const char *path)
{
  struct stat info;

  return stat (path, &info) == 0 && S_ISDIR (info.st_mode);
}

static int
by_name (const void *a, const void *b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

bool
em_names_in (const char *folder, const char *suffix, EmNames *names, EmError *err)
{
  DIR *dir = opendir (folder);

  *names = (EmNames){ 0 };
  if (!dir)
    return em_fail (err, EM_E_INPUT, "cannot read the folder %s: %s", folder, strerror (errno));
  for (struct dirent *e; (e = readdir (dir));) {
    size_t length = strlen (e->d_name), tail = strlen (suffix);

    if (e->d_name[0] == '.' || length < tail || strcmp (e->d_name + length - tail, suffix) != 0)
      continue;
    if (names->n == names->room) {
      names->room = names->room ? 2 * names->room : 64;
      names->items = realloc (names->items, (size_t) names->room * sizeof *names->items);
      EM_BUG_UNLESS (names->items);
    }
    EM_BUG_UNLESS (names->items[names->n++] = strdup (e->d_name));
  }
  closedir (dir);
  if (names->n)
    qsort (names->items, (size_t) names->n, sizeof *names->items, by_name);
  return true;
}

void
em_names_clear (EmNames *names)
{
  for (int i = 0; i < names->n; i++)
    free (names->items[i]);
  free (names->items);
  *names = (EmNames){ 0 };
}

void
em_clips_add (EmClips *clips, EmTracks *t)
{
  if (clips->n == clips->room) {
    clips->room = clips->room ? 2 * clips->room : 16;
    clips->items = realloc (clips->items, (size_t) clips->room * sizeof *clips->items);
    EM_BUG_UNLESS (clips->items);
  }
  clips->items[clips->n++] = t;
}

bool
em_clips_hand_out (EmClips *clips, bool good, EmTracks ***out, int *n)
{
  *out = NULL;
  *n = 0;
  if (good) {
    *out = clips->items;
    *n = clips->n;
    return true;
  }
  for (int i = 0; i < clips->n; i++)
    em_tracks_free (clips->items[i]);
  free (clips->items);
  return false;
}
