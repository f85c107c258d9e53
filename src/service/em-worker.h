/* em-worker.h - one thread with a sorted queue.
 *
 * Work is a function that runs on the worker's thread and answers through its GTask in the caller's
 * main context. The queue is sorted by rank, then by age; work that answers "again" goes back to
 * its place, so that what is more urgent runs between its steps. Work with a key replaces what
 * waits under the same key. Whoever made the worker owns it: calls may come from any thread but its
 * own, the last reference must not be dropped there. */
#pragma once
#include <gio/gio.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "media/gerror.h"

G_BEGIN_DECLS

#define EM_TYPE_WORKER (em_worker_get_type ())
G_DECLARE_FINAL_TYPE (EmWorker, em_worker, EM, WORKER, GObject)

/* Work that waits or runs; counted, any thread. */
typedef struct _EmWork EmWork;

typedef enum {
  EM_WORK_DONE,      /* has answered its task, if it has one */
  EM_WORK_AGAIN,     /* to be called again, after what is more urgent */
  EM_WORK_CANCELLED, /* has not answered: the worker says EM_E_CANCELLED */
} EmWorkNext;
/* Runs on the worker's thread. Not called any more once the work is cancelled. */
typedef EmWorkNext (*EmWorkFn) (EmWork *work, gpointer data);

/* `at_exit` is the last thing that runs on the thread. Property "waiting" (int): work not yet done,
 * with notify in the context of the maker. */
EmWorker *em_worker_new (const char *name, GFunc at_exit, gpointer data);

typedef struct {
  int rank;        /* the smallest first */
  guint group;     /* for em_worker_cancel; 0: none */
  const char *key; /* NULL: replaces nothing */
  GTask *task;     /* NULL: no answer; its cancellable cancels the work */
} EmWorkOptions;

/* `destroy` frees `data` in the maker's context when all is over. (transfer full) */
EmWork *em_worker_push (EmWorker *self, const EmWorkOptions *options, EmWorkFn fn, gpointer data,
                        GDestroyNotify destroy);
/* What waits answers at once, what runs as soon as it looks at its flag. 0: all. */
void em_worker_cancel (EmWorker *self, guint group);
int em_worker_waiting (EmWorker *self);

EmWork *em_work_ref (EmWork *work);
void em_work_unref (EmWork *work);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmWork, em_work_unref)
void em_work_cancel (EmWork *work);
const atomic_bool *em_work_flag (EmWork *work); /* true once cancelled; lives as long as the work */
bool em_work_is_cancelled (EmWork *work);
GTask *em_work_task (EmWork *work);

/* Runs `fn` once in the context of the work's task, in order with other such calls and before its
 * answer. */
void em_work_tell (EmWork *work, GSourceFunc fn, gpointer data, GDestroyNotify destroy);

G_END_DECLS
