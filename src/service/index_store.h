/* index_store.h - a clip's index on its way between media and project.
 *
 * The project keeps both what everybody can read (times, sizes) and the index as media wrote it, so
 * that a clip is opened without reading it again. Plain functions, any thread that owns the EmDb.
 */
#pragma once
#include "media/em-frame-index.h"
#include "store/db_clip.h"

G_BEGIN_DECLS

/* What the index of the file at `path` found becomes the clip's. Refused as em_db_set_media says.
 */
bool em_index_store (EmDb *db, int64_t clip, const char *path, EmFrameIndex *index, GError **error);

/* The clip's index: the stored one if the media at `path` are still the same, else a new one, which
 * is not stored. EM_E_CHECK if the clip was indexed and the file's content is another now. */
EmFrameIndex *em_index_load (EmDb *db, const EmDbClip *clip, const char *path,
                             GCancellable *cancellable, GError **error);

/* Looks for the content of `clip` among the clips in `folder` and below; a path to free, or NULL
 * without error where it is not. Only files of the right size are read. */
char *em_index_find (const EmDbClip *clip, const char *folder, GCancellable *cancellable,
                     GError **error);

G_END_DECLS
