/* db_project.c - the facts of a project that belong to no clip, and the log.
 *
 * Classes, people and weights keep their ids for ever: an exported mask of last year must still
 * mean the same class. */
#include <stdlib.h>
#include "base/json.h"
#include "store/db_lock.h"
#include "store/db_private.h"

/* The hues of Okabe and Ito without black; light ones first, they read better on dark pictures. */
static const uint32_t palette[]
    = { 0xe69f00, 0x56b4e9, 0x009e73, 0xf0e442, 0x0072b2, 0xd55e00, 0xcc79a7 };

uint32_t
em_db_palette (int i)
{
  return palette[i % G_N_ELEMENTS (palette)];
}

bool
em_db_project (EmDb *db, EmDbProject *out, GError **error)
{
  EmSql q
      = em_sql (db, "SELECT id, preset, grid_phase, grid_step, settings, weights, commits, created,"
                    " (SELECT count (*) FROM clip) FROM project");

  *out = (EmDbProject){ 0 };
  if (em_sql_row (&q)) {
    out->id = em_sql_get_int (&q, 0);
    out->preset = em_sql_get_text (&q, 1);
    out->grid_phase_ns = em_sql_get_int (&q, 2);
    out->grid_step_ns = em_sql_get_int (&q, 3);
    out->settings = em_sql_get_text (&q, 4);
    out->weights = em_sql_get_text (&q, 5);
    out->commits = em_sql_get_int (&q, 6);
    out->created_us = em_sql_get_int (&q, 7);
    out->n_clips = (int) em_sql_get_int (&q, 8);
  }
  return em_sql_end (&q, error);
}

void
em_db_project_clear (EmDbProject *p)
{
  g_free (p->preset);
  g_free (p->settings);
  g_free (p->weights);
  *p = (EmDbProject){ 0 };
}

/* One statement as a transaction of its own. Takes the statement prepared and bound by the caller
 * after em_db_begin(). */
static bool
run_and_commit (EmDb *db, EmSql *q, GError **error)
{
  if (em_sql_run (q, error))
    return em_db_commit (db, error);
  em_db_rollback (db);
  return false;
}

bool
em_db_set_settings (EmDb *db, const char *json, GError **error)
{
  EmSql q;

  if (!em_db_begin (db, error))
    return false;
  q = em_sql (db, "UPDATE project SET settings = ?");
  em_sql_text (&q, json);
  return run_and_commit (db, &q, error);
}

bool
em_db_set_weights (EmDb *db, const char *digest, GError **error)
{
  EmSql q;

  if (!em_db_begin (db, error))
    return false;
  q = em_sql (db, "UPDATE project SET weights = ?");
  em_sql_text (&q, digest);
  return run_and_commit (db, &q, error);
}

bool
em_db_add_weights (EmDb *db, const char *digest, const char *name, const char *parent,
                   GError **error)
{
  EmSql q = em_sql (db, "SELECT 1 FROM weights WHERE digest = ?");
  bool known;

  em_sql_text (&q, digest);
  known = em_sql_row (&q);
  if (!em_sql_end (&q, error))
    return false;
  if (known)
    return true;
  if (!em_db_begin (db, error))
    return false;
  q = em_sql (db, "INSERT INTO weights (digest, name, parent, added) VALUES (?, ?, ?, ?)");
  em_sql_text (&q, digest);
  em_sql_text (&q, name);
  em_sql_text (&q, parent);
  em_sql_int (&q, em_db_now_us ());
  return run_and_commit (db, &q, error);
}

static void
class_free (gpointer data)
{
  EmDbClass *c = data;

  g_free (c->name);
  g_free (c);
}

GPtrArray *
em_db_classes (EmDb *db, GError **error)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func (class_free);
  EmSql q = em_sql (db, "SELECT id, name, color FROM class ORDER BY position");

  while (em_sql_row (&q)) {
    EmDbClass *c = g_new0 (EmDbClass, 1);

    c->id = em_sql_get_int (&q, 0);
    c->name = em_sql_get_text (&q, 1);
    c->color = (uint32_t) em_sql_get_int (&q, 2);
    g_ptr_array_add (all, c);
  }
  return em_sql_end (&q, error) ? g_steal_pointer (&all) : NULL;
}

int64_t
em_db_insert_class (EmDb *db, const char *name, GError **error)
{
  int64_t id = em_db_random_id (), position = 0;
  EmSql q = em_sql (db, "SELECT count (*) FROM class");

  if (em_sql_row (&q))
    position = em_sql_get_int (&q, 0);
  if (!em_sql_end (&q, error))
    return 0;
  q = em_sql (db, "INSERT INTO class (id, position, name, color) VALUES (?, ?, ?, ?)");
  em_sql_int (&q, id);
  em_sql_int (&q, position);
  em_sql_text (&q, name);
  em_sql_int (&q, em_db_palette ((int) position));
  return em_sql_run (&q, error) ? id : 0;
}

static int64_t
find_class (EmDb *db, const char *name, GError **error)
{
  EmSql q = em_sql (db, "SELECT id FROM class WHERE name = ?");
  int64_t id = 0;

  em_sql_text (&q, name);
  if (em_sql_row (&q))
    id = em_sql_get_int (&q, 0);
  return em_sql_end (&q, error) ? id : -1;
}

static bool
log_class (EmDb *db, const char *kind, int64_t id, const char *name, GError **error)
{
  json_t *detail = json_pack ("{sIss}", "class", (json_int_t) id, "name", name);
  char *text = json_dumps (detail, JSON_COMPACT);
  bool fine = em_db_write_log (db, 0, kind, 0, 0, -1, text, error);

  free (text);
  json_decref (detail);
  return fine;
}

int64_t
em_db_class (EmDb *db, const char *name, GError **error)
{
  int64_t id = find_class (db, name, error);

  if (id)
    return id < 0 ? 0 : id;
  if (!em_db_begin (db, error))
    return 0;
  id = em_db_insert_class (db, name, error);
  if (!id || !log_class (db, "class added", id, name, error)) {
    em_db_rollback (db);
    return 0;
  }
  return em_db_commit (db, error) ? id : 0;
}

bool
em_db_rename_class (EmDb *db, int64_t id, const char *name, GError **error)
{
  int64_t other = find_class (db, name, error);
  EmSql q;

  if (other < 0)
    return false;
  if (other && other != id)
    return em_store_fail (error, EM_E_USAGE, "there is a class \"%s\" already", name);
  if (!em_db_begin (db, error))
    return false;
  q = em_sql (db, "UPDATE class SET name = ? WHERE id = ?");
  em_sql_text (&q, name);
  em_sql_int (&q, id);
  if (em_sql_run (&q, error) && log_class (db, "class renamed", id, name, error))
    return em_db_commit (db, error);
  em_db_rollback (db);
  return false;
}

int64_t
em_db_annotator (EmDb *db, const char *name, GError **error)
{
  EmSql q = em_sql (db, "SELECT id FROM annotator WHERE name = ?");
  int64_t id = 0;

  em_sql_text (&q, name);
  if (em_sql_row (&q))
    id = em_sql_get_int (&q, 0);
  if (!em_sql_end (&q, error))
    return 0;
  if (id)
    return id;
  if (!em_db_begin (db, error))
    return 0;
  id = em_db_random_id ();
  q = em_sql (db, "INSERT INTO annotator (id, name) VALUES (?, ?)");
  em_sql_int (&q, id);
  em_sql_text (&q, name);
  return run_and_commit (db, &q, error) ? id : 0;
}

char *
em_db_annotator_name (EmDb *db, int64_t id)
{
  EmSql q = em_sql (db, "SELECT name FROM annotator WHERE id = ?");
  char *name = NULL;

  em_sql_int (&q, id);
  if (em_sql_row (&q))
    name = em_sql_get_text (&q, 0);
  em_sql_end (&q, NULL);
  return name;
}

void
em_db_set_author (EmDb *db, int64_t annotator)
{
  db->author = annotator;
}

int64_t
em_db_author (const EmDb *db)
{
  return db->author;
}

bool
em_db_write_log (EmDb *db, int64_t clip, const char *kind, int64_t step, int64_t object, int frame,
                 const char *detail, GError **error)
{
  EmSql q = em_sql (db, "INSERT INTO log (id, clip, at, author, kind, step, object, frame, detail)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");

  db->last_log_us = MAX (db->last_log_us + 1, em_db_now_us ());
  em_sql_int (&q, em_db_random_id ());
  em_sql_int_or_null (&q, clip);
  em_sql_int (&q, db->last_log_us);
  em_sql_int (&q, db->author);
  em_sql_text (&q, kind);
  em_sql_int_or_null (&q, step);
  em_sql_int_or_null (&q, object);
  if (frame >= 0)
    em_sql_int (&q, frame);
  else
    em_sql_text (&q, NULL);
  em_sql_text (&q, detail);
  return em_sql_run (&q, error);
}

bool
em_db_log (EmDb *db, int64_t clip, const char *kind, int64_t object, int frame,
           const char *detail_json, GError **error)
{
  if (!em_db_begin (db, error))
    return false;
  if (em_db_write_log (db, clip, kind, 0, object, frame, detail_json, error))
    return em_db_commit (db, error);
  em_db_rollback (db);
  return false;
}

static void
log_line_free (gpointer data)
{
  EmDbLogLine *l = data;

  g_free (l->kind);
  g_free (l->detail);
  g_free (l);
}

GPtrArray *
em_db_log_lines (EmDb *db, int64_t clip, GError **error)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func (log_line_free);
  EmSql q = em_sql (db, "SELECT at, author, coalesce (step, 0), coalesce (object, 0),"
                        " coalesce (frame, -1), kind, detail FROM log WHERE clip IS ? ORDER BY at");

  em_sql_int_or_null (&q, clip);
  while (em_sql_row (&q)) {
    EmDbLogLine *l = g_new0 (EmDbLogLine, 1);

    l->clip = clip;
    l->at_us = em_sql_get_int (&q, 0);
    l->author = em_sql_get_int (&q, 1);
    l->step = em_sql_get_int (&q, 2);
    l->object = em_sql_get_int (&q, 3);
    l->frame = (int) em_sql_get_int (&q, 4);
    l->kind = em_sql_get_text (&q, 5);
    l->detail = em_sql_get_text (&q, 6);
    g_ptr_array_add (all, l);
  }
  return em_sql_end (&q, error) ? g_steal_pointer (&all) : NULL;
}
