/* db.h - one project file behind one SQLite connection.
 *
 * Everything of a project but media and weights is in this file. An EmDb belongs to the thread that
 * opened it, or to one thread at a time; every call is synchronous and either done wholly or not at
 * all. Nothing a person did is overwritten: a step adds rows and undo moves clip.head (db_step.h).
 */
#pragma once
#include <gio/gio.h>
#include "base/error.h"
#include "base/prompt.h"
#include "base/tracks.h"

G_BEGIN_DECLS

typedef struct EmDb EmDb;

/* Earmark's one GError domain, whose codes are EmStatus; the same quark as EM_ERROR of media. */
#define EM_STORE_ERROR (em_store_error_quark ())
GQuark em_store_error_quark (void);

typedef enum {
  EM_DB_READ,  /* takes no lock; works in folders that cannot be written */
  EM_DB_WRITE, /* takes the writer lock, or fails with EM_E_LOCKED */
} EmDbMode;

typedef struct {
  const char *preset;         /* NULL: "video" */
  int64_t grid_phase_ns;      /* a grid point is asked this long after its second begins */
  int64_t grid_step_ns;       /* 0: one second */
  const char *settings;       /* JSON object, or NULL */
  const char *annotator;      /* a person's name; NULL: the user of this session */
  const char *const *classes; /* names, NULL-terminated, or NULL */
} EmDbSetup;

/* Makes a project and opens it for writing. A file already there is EM_E_INPUT. */
EmDb *em_db_create (const char *path, const EmDbSetup *setup, GError **error);
/* EM_E_INPUT for what is no project, is damaged, or was made by a newer Earmark; EM_E_LOCKED names
 * the owner. A lock whose process is gone from this very boot is taken over silently. Opening for
 * writing migrates old schemas after a backup. */
EmDb *em_db_open (const char *path, EmDbMode mode, GError **error);
/* Takes the lock from an owner that is gone: it must still be at the beat the caller saw at least
 * 60 s ago, by the caller's clock. */
EmDb *em_db_open_taking_over (const char *path, int64_t beat_seen, GError **error);
void em_db_close (EmDb *db); /* NULL is fine; gives the lock back */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EmDb, em_db_close)

const char *em_db_path (const EmDb *db);
bool em_db_is_writable (const EmDb *db);
/* One line to show once after opening (network file system, unwritable folder), or NULL. */
const char *em_db_warning (const EmDb *db);
/* After a failed call: the disk was full, the file busy or unreachable, so the same call may do
 * later. False for mistakes, refusals and a lost lock. */
bool em_db_may_retry (const EmDb *db);

/* The writer lock. */
typedef struct {
  char *annotator, *host, *program; /* NULL when nobody writes */
  int64_t pid, beat;
  bool is_gone; /* its process is not there any more, on this boot of this host */
} EmDbWriter;
bool em_db_writer (EmDb *db, EmDbWriter *out, GError **error);
void em_db_writer_clear (EmDbWriter *w);
/* Shows that the writer lives; call it every 10 s. EM_E_LOCKED: somebody took over, this connection
 * only reads from now on. */
bool em_db_beat (EmDb *db, GError **error);

/* Many small changes (clips of a folder) in one transaction: between these two each call is still
 * done wholly or not at all, but nothing is on disk before the end. */
bool em_db_begin_batch (EmDb *db, GError **error);
bool em_db_end_batch (EmDb *db, GError **error);

/* Has another connection written since the last call? 3 us. */
bool em_db_changed (EmDb *db);
/* The clips changed after commit number `commits`, which becomes the present one. */
GArray *em_db_touched_since (EmDb *db, int64_t *commits, GError **error); /* of int64_t */

typedef struct {
  int64_t id;
  char *preset;
  int64_t grid_phase_ns, grid_step_ns;
  char *settings; /* JSON object */
  char *weights;  /* digest of the weights in use, or NULL */
  int64_t commits;
  int64_t created_us;
  int n_clips;
} EmDbProject;
bool em_db_project (EmDb *db, EmDbProject *out, GError **error);
void em_db_project_clear (EmDbProject *p);
bool em_db_set_settings (EmDb *db, const char *json, GError **error);
bool em_db_set_weights (EmDb *db, const char *digest, GError **error);

/* Classes, people and weights: appended or renamed, never deleted. Ids are random, below 2^53. */
typedef struct {
  int64_t id;
  char *name;
  uint32_t color;
} EmDbClass;
GPtrArray *em_db_classes (EmDb *db,
                          GError **error); /* of EmDbClass, in the order they were added */
/* The id of that name, made if it is not there; 0 on failure. */
int64_t em_db_class (EmDb *db, const char *name, GError **error);
bool em_db_rename_class (EmDb *db, int64_t id, const char *name, GError **error);
int64_t em_db_annotator (EmDb *db, const char *name, GError **error);
char *em_db_annotator_name (EmDb *db, int64_t id); /* NULL if unknown */
/* Who signs the steps of this connection; at first the annotator the project was made with. */
void em_db_set_author (EmDb *db, int64_t annotator);
int64_t em_db_author (const EmDb *db);
bool em_db_add_weights (EmDb *db, const char *digest, const char *name, const char *parent,
                        GError **error);

/* The log: append-only, what happened, undo and redo included. */
typedef struct {
  int64_t clip, at_us, author, step, object;
  int frame;
  char *kind, *detail;
} EmDbLogLine;
bool em_db_log (EmDb *db, int64_t clip, const char *kind, int64_t object, int frame,
                const char *detail_json, GError **error);
/* Of EmDbLogLine, in order; clip 0: those of the project, class changes. */
GPtrArray *em_db_log_lines (EmDb *db, int64_t clip, GError **error);

G_END_DECLS
