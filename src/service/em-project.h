/* em-project.h - an open project: its store, its clips, the jobs that run in it.
 *
 * Clips are listed as soon as they are found and indexed one after the other in the background; a
 * clip is usable as soon as its own index is done. Main thread; nothing waits.
 *
 * Signals: "failed" (const char *text), "indexed" (EmQueueItem *): a clip can be opened now, or has
 * a problem. Properties with notify: "saved" (false while an edit waits for the disk), "writable".
 */
#pragma once
#include "service/em-clip.h"
#include "service/em-queue-item.h"

G_BEGIN_DECLS

#define EM_TYPE_PROJECT (em_project_get_type ())
G_DECLARE_FINAL_TYPE (EmProject, em_project, EM, PROJECT, GObject)

/* Opens a project file, or media: a clip, a folder of clips, a folder of frames. For media the
 * project is found or made as places.h says. A project somebody else writes opens for reading. */
void em_project_open_async (EmEngine *engine, const char *path, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer data);
/* A new file at `path` with the clips at `media`; preset as in product terms, NULL: "video". */
void em_project_create_async (EmEngine *engine, const char *path, const char *media,
                              const char *preset, const char *annotator, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer data);
/* The demo project around the clip inside the program. */
void em_project_open_demo_async (EmEngine *engine, GBytes *clip, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer data);
EmProject *em_project_open_finish (GAsyncResult *result, GError **error);
/* Writes what is queued and stops; blocks until it is on disk. */
void em_project_close (EmProject *self);

const char *em_project_get_path (EmProject *self);
const char *em_project_get_name (EmProject *self);
bool em_project_is_writable (EmProject *self);
bool em_project_is_saved (EmProject *self);
EmStore *em_project_get_store (EmProject *self);
GListModel *em_project_get_clips (EmProject *self); /* of EmQueueItem */
GListStore *em_project_get_jobs (EmProject *self);  /* of EmJob */
double em_project_get_grid_phase (EmProject *self);

/* More clips from a file or folder. */
void em_project_add_media (EmProject *self, const char *path);
/* Tries a clip again that could not be opened. */
void em_project_retry (EmProject *self, EmQueueItem *item);
/* Opens a clip of the list; the caller closes it. NULL with a reason while it is not usable. */
EmClip *em_project_open_clip (EmProject *self, EmQueueItem *item, GError **error);
/* Reads a clip's row again: counts and state after work on it. */
void em_project_refresh (EmProject *self, int64_t clip);
void em_project_set_clip_state (EmProject *self, EmQueueItem *item, EmClipState state);
/* Makes the small picture of a row that came into view, if it has none. */
void em_project_want_thumbnail (EmProject *self, EmQueueItem *item);

G_END_DECLS
