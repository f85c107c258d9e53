/* folder.h - a folder of numbered pictures, and its sound file, as a clip.
 *
 * The pictures are the PNG or the JPEG files of the folder, whichever are more, in the order of the
 * numbers in their names. The sound is the one sound file in the folder (audio.* or the first by
 * name if there are several), or else one beside it that has the folder's name. Pictures carry no
 * times: if there is sound, they are spread over it, at a usual rate where one fits within 2 %;
 * else 25 a second. Internal to media. */
#pragma once
#include "media/em-frame-index.h"

typedef struct {
  char *path;
  int n;
  char **pictures;  /* names in the folder */
  char *media_type; /* "image/png" or "image/jpeg" */
  char *sound;      /* path of the sound file, or NULL */
  double rate;      /* pictures a second */
} EmFolder;

/* EM_E_INPUT if there are no pictures in it. */
EmFolder *em_folder_open (const char *path, GCancellable *cancellable, GError **error);
void em_folder_free (EmFolder *folder); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmFolder, em_folder_free)
int64_t em_folder_pts (const EmFolder *folder, int picture); /* ns from the first */
/* Where the sound of the clip at `path` is, a file or a folder: a path to free, NULL if none. */
char *em_folder_sound (const char *path);
/* Names compared by the numbers in them: "2.png" before "10.png". */
int em_folder_compare_names (const char *a, const char *b);
