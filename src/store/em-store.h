/* em-store.h - a project for programs with a main loop.
 *
 * An EmStore owns two threads: one with the writing connection, one that does long reads on its
 * own. The caller's functions run there with the EmDb and answer in the caller's main context, so
 * the main thread never waits for a disk. All methods are for the thread that opened the store. */
#pragma once
#include "store/db_read.h"

G_BEGIN_DECLS

#define EM_TYPE_STORE (em_store_get_type ())
G_DECLARE_FINAL_TYPE (EmStore, em_store, EM, STORE, GObject)

/* Runs in a store thread. NULL with an error, or any result (NULL may be one). It may run again
 * after a commit failed for want of disk, so it must not consume `data`. */
typedef gpointer (*EmStoreFunc) (EmDb *db, gpointer data, GError **error);

/* Opens off the main thread. With EM_DB_WRITE a backup is made between the first jobs and every 30
 * minutes, and the lock is kept alive. */
void em_store_open_async (const char *path, EmDbMode mode, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data);
EmStore *em_store_open_finish (GAsyncResult *result, GError **error);
/* For tests and small tools: the same, waiting. */
EmStore *em_store_open (const char *path, EmDbMode mode, GError **error);
/* Runs what is queued, stops the threads, closes. Blocks; edits that cannot be saved are lost and
 * named in the error. Disposing does it too. */
bool em_store_close (EmStore *self, GError **error);

const char *em_store_path (EmStore *self);
const char *em_store_warning (EmStore *self); /* of em_db_warning(), or NULL */
bool em_store_is_writable (EmStore *self);
/* False while an edit waits for the disk. */
bool em_store_is_saved (EmStore *self);

/* Queues `fn` on the writing thread; calls run in order. A failure em_db_may_retry() calls passing
 * keeps the call at the head of the queue, emits "not-saved" and tries again every two seconds.
 * `destroy` frees data when the call is over, `free_result` a result nobody fetched; both may be
 * NULL. */
void em_store_call_async (EmStore *self, EmStoreFunc fn, gpointer data, GDestroyNotify destroy,
                          GDestroyNotify free_result, GAsyncReadyCallback callback,
                          gpointer user_data);
/* Queues `fn` on the reading thread: for what takes long and changes nothing. */
void em_store_read_async (EmStore *self, EmStoreFunc fn, gpointer data, GDestroyNotify destroy,
                          GDestroyNotify free_result, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data);
gpointer em_store_call_finish (EmStore *self, GAsyncResult *result, GError **error);

/* Signals, all in the context of the thread that opened the store:
 *   "saved"     ()                the edits that waited are on disk
 *   "not-saved" (const char *why)  an edit waits; it is kept and tried again
 *   "lost"      (const char *why)  somebody took over: read-only from now on
 *   "changed"   (GArray *clips)    another process changed these clips (int64_t ids) */

G_END_DECLS
