/* places.h - where projects are, and what counts as a clip in a folder.
 *
 * A project file that people name themselves is where they put it. Clips opened directly get one in
 * the user's data folder, since nothing is ever written beside media: the same clip or folder
 * always finds the same project. Plain functions, any thread; they block on the file system. */
#pragma once
#include <gio/gio.h>
#include <stdbool.h>

G_BEGIN_DECLS

#define EM_PROJECT_SUFFIX ".earmark"

bool em_is_project_path (const char *path);
/* data folder/projects/NAME-8_HEX_DIGITS_OF_THE_PATH.earmark (transfer full) */
char *em_project_path_for_media (const char *media_path);
/* Writes the demo clip out of `clip` (its bytes) unless it is there, and tells where the demo
 * project belongs. (transfer full) */
char *em_place_demo (GBytes *clip, char **clip_path, GError **error);
/* The clips at `path`, sorted: itself if it is a file or a folder of pictures, else the media files
 * in it and its sub-folders that are folders of pictures. EM_E_INPUT lists the suffixes tried when
 * there is none. (transfer full) (element-type filename) */
GPtrArray *em_find_clips (const char *path, GCancellable *cancellable, GError **error);

G_END_DECLS
