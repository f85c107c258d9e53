/* lane.c - runs, counts and staleness of an object's cells, all from one ordered list.
 *
 * Stale is derived, never stored, so undo cannot get it wrong. The summary in the clip's row is a
 * copy for the queue, written by the same transaction as the cells it counts. */
#include "store/lane.h"
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "store/db_private.h"

/* Newer than which step a propagated neighbour must be; 0 if nobody decided here. */
static int64_t
decided_at (const EmLaneCell *c)
{
  if (c->state == EM_STATE_EMPTY)
    return c->step;
  if (!em_state_is_protected (c->state))
    return 0;
  return c->made ? c->made : c->step;
}

void
em_lane_mark_stale (EmLaneCell *cells, int n)
{
  int64_t near = 0;

  for (int i = 0; i < n; i++) {
    int64_t decided = decided_at (&cells[i]);

    cells[i].stale = cells[i].state == EM_STATE_PROPAGATED && near > cells[i].made;
    near = decided ? decided : near;
  }
  near = 0;
  for (int i = n - 1; i >= 0; i--) {
    int64_t decided = decided_at (&cells[i]);

    cells[i].stale |= cells[i].state == EM_STATE_PROPAGATED && near > cells[i].made;
    near = decided ? decided : near;
  }
}

GArray *
em_lane_cells (EmDb *db, int64_t clip, int64_t object, GError **error)
{
  g_autoptr (GArray) cells = g_array_new (FALSE, FALSE, sizeof (EmLaneCell));
  EmSql q = em_sql (db, "SELECT frame, state, step, made, rejected, pending FROM cell_now"
                        " WHERE clip = ? AND object = ? ORDER BY frame");

  em_sql_int (&q, clip);
  em_sql_int (&q, object);
  while (em_sql_row (&q)) {
    EmLaneCell c = { .frame = (int) em_sql_get_int (&q, 0),
                     .state = (EmState) CLAMP (em_sql_get_int (&q, 1), 0, EM_N_STATES - 1),
                     .step = em_sql_get_int (&q, 2),
                     .made = em_sql_get_int (&q, 3),
                     .rejected = em_sql_get_int (&q, 4) != 0,
                     .pending = em_sql_get_int (&q, 5) != 0 };

    g_array_append_val (cells, c);
  }
  if (!em_sql_end (&q, error))
    return NULL;
  em_lane_mark_stale ((EmLaneCell *) cells->data, (int) cells->len);
  return g_steal_pointer (&cells);
}

GArray *
em_db_lane (EmDb *db, int64_t clip, int64_t object, GError **error)
{
  g_autoptr (GArray) cells = em_lane_cells (db, clip, object, error);
  g_autoptr (GArray) runs = g_array_new (FALSE, FALSE, sizeof (EmDbRun));
  EmDbRun *last = NULL;

  if (!cells)
    return NULL;
  for (guint i = 0; i < cells->len; i++) {
    const EmLaneCell *c = &g_array_index (cells, EmLaneCell, i);

    if (last && last->last + 1 == c->frame && last->state == c->state && last->stale == c->stale
        && last->rejected == c->rejected && last->pending == c->pending) {
      last->last = c->frame;
    } else {
      EmDbRun run = { c->frame, c->frame, c->state, c->stale, c->rejected, c->pending };

      g_array_append_val (runs, run);
      last = &g_array_index (runs, EmDbRun, runs->len - 1);
    }
  }
  return g_steal_pointer (&runs);
}

GArray *
em_db_lane_cells (EmDb *db, int64_t clip, int64_t object, GError **error)
{
  g_autoptr (GArray) cells = em_lane_cells (db, clip, object, error);
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (EmDbLaneCell));

  if (!cells)
    return NULL;
  for (guint i = 0; i < cells->len; i++) {
    const EmLaneCell *c = &g_array_index (cells, EmLaneCell, i);
    EmDbLaneCell out
        = { c->frame, c->state, c->stale, c->rejected, c->pending, c->made, -1, 0, NULL };
    EmSql q = em_sql (db, "SELECT area, origin, weights FROM mask"
                          " WHERE clip = ? AND object = ? AND frame = ? AND made = ?");

    em_sql_int (&q, clip);
    em_sql_int (&q, object);
    em_sql_int (&q, c->frame);
    em_sql_int (&q, c->made);
    if (em_sql_row (&q)) {
      out.area = em_sql_get_int (&q, 0);
      out.origin = (EmOrigin) CLAMP (em_sql_get_int (&q, 1), 0, EM_N_ORIGINS - 1);
      if (sqlite3_column_type (q.stmt, 2) != SQLITE_NULL)
        out.weights = g_intern_string (em_sql_peek_text (&q, 2));
    }
    if (!em_sql_end (&q, error))
      return NULL;
    g_array_append_val (all, out);
  }
  return g_steal_pointer (&all);
}

static bool
count_object (EmDb *db, int64_t clip, int64_t object, EmDbCounts *out, GError **error)
{
  g_autoptr (GArray) cells = em_lane_cells (db, clip, object, error);

  if (!cells)
    return false;
  for (guint i = 0; i < cells->len; i++) {
    const EmLaneCell *c = &g_array_index (cells, EmLaneCell, i);

    out->by_state[c->state]++;
    out->stale += c->stale;
    out->rejected += c->rejected;
    out->pending += c->pending;
  }
  return true;
}

/* The objects that are not deleted. */
static GArray *
living_objects (EmDb *db, int64_t clip, GError **error)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (int64_t));
  EmSql q = em_sql (db, "SELECT object FROM object_now WHERE clip = ? AND deleted = 0");

  em_sql_int (&q, clip);
  while (em_sql_row (&q)) {
    int64_t id = em_sql_get_int (&q, 0);

    g_array_append_val (ids, id);
  }
  return em_sql_end (&q, error) ? g_steal_pointer (&ids) : NULL;
}

bool
em_db_counts (EmDb *db, int64_t clip, int64_t object, EmDbCounts *out, GError **error)
{
  g_autoptr (GArray) ids = NULL;

  *out = (EmDbCounts){ 0 };
  if (object)
    return count_object (db, clip, object, out, error);
  ids = living_objects (db, clip, error);
  if (!ids)
    return false;
  for (guint i = 0; i < ids->len; i++)
    if (!count_object (db, clip, g_array_index (ids, int64_t, i), out, error))
      return false;
  return true;
}

/* The summary is {"OBJECT": [empty, propagated, ..., approved, stale, rejected, pending]}. */
static json_t *
counts_json (const EmDbCounts *c)
{
  json_t *all = json_array ();

  for (int i = 0; i < EM_N_STATES; i++)
    json_array_append_new (all, json_integer (c->by_state[i]));
  json_array_append_new (all, json_integer (c->stale));
  json_array_append_new (all, json_integer (c->rejected));
  json_array_append_new (all, json_integer (c->pending));
  return all;
}

bool
em_db_parse_summary (const char *json, EmDbCounts *sum, int *n_objects)
{
  EmError err = EM_ERROR_INIT;
  json_t *all = em_json_parse (json, strlen (json), "summary", EM_E_INPUT, &err), *counts;
  const char *id;
  bool fine = json_is_object (all);

  *sum = (EmDbCounts){ 0 };
  *n_objects = 0;
  json_object_foreach (all, id, counts)
  {
    int v[EM_N_STATES + 3];

    if (json_array_size (counts) != EM_N_STATES + 3) {
      fine = false;
      continue;
    }
    for (int i = 0; i < EM_N_STATES + 3; i++)
      v[i] = (int) json_integer_value (json_array_get (counts, i));
    for (int i = 0; i < EM_N_STATES; i++)
      sum->by_state[i] += v[i];
    sum->stale += v[EM_N_STATES];
    sum->rejected += v[EM_N_STATES + 1];
    sum->pending += v[EM_N_STATES + 2];
    ++*n_objects;
  }
  json_decref (all);
  return fine;
}

static json_t *
load_summary (EmDb *db, int64_t clip, GError **error)
{
  EmError err = EM_ERROR_INIT;
  EmSql q = em_sql (db, "SELECT summary FROM clip WHERE id = ?");
  json_t *all = NULL;

  em_sql_int (&q, clip);
  if (em_sql_row (&q)) {
    const char *text = em_sql_peek_text (&q, 0);

    all = em_json_parse (text, strlen (text), "summary", EM_E_INPUT, &err);
  }
  if (!em_sql_end (&q, error)) {
    json_decref (all);
    return NULL;
  }
  return json_is_object (all) ? all : json_object ();
}

static bool
summarize_object (EmDb *db, int64_t clip, int64_t object, GHashTable *living, json_t *all,
                  GError **error)
{
  char key[24];
  EmDbCounts counts = { 0 };

  g_snprintf (key, sizeof key, "%" G_GINT64_FORMAT, object);
  if (!g_hash_table_contains (living, &object)) {
    json_object_del (all, key);
    return true;
  }
  if (!count_object (db, clip, object, &counts, error))
    return false;
  json_object_set_new (all, key, counts_json (&counts));
  return true;
}

bool
em_db_summarize (EmDb *db, int64_t clip, GArray *objects, GError **error)
{
  g_autoptr (GArray) ids = living_objects (db, clip, error);
  g_autoptr (GHashTable) living = g_hash_table_new (g_int64_hash, g_int64_equal);
  json_t *all;
  char *text;
  EmSql q;
  bool fine = true;

  if (!ids)
    return false;
  for (guint i = 0; i < ids->len; i++)
    g_hash_table_add (living, &g_array_index (ids, int64_t, i));
  all = objects ? load_summary (db, clip, error) : json_object ();
  if (!all)
    return false;
  if (!objects)
    objects = ids;
  for (guint i = 0; fine && i < objects->len; i++)
    fine = summarize_object (db, clip, g_array_index (objects, int64_t, i), living, all, error);
  text = json_dumps (all, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref (all);
  if (fine) {
    q = em_sql (db, "UPDATE clip SET summary = ? WHERE id = ?");
    em_sql_text (&q, text);
    em_sql_int (&q, clip);
    fine = em_sql_run (&q, error);
  }
  free (text);
  return fine;
}
