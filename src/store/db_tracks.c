/* db_tracks.c - a whole clip as formats and metrics see it. */
#include <string.h>
#include "store/db_expression.h"
#include "store/db_private.h"
#include "store/lane.h"

static EmTracks *
empty_tracks (EmDb *db, int64_t id, GError **error)
{
  g_autoptr (EmDbClip) clip = em_db_clip (db, id, error);
  g_autoptr (GArray) frames = clip ? em_db_frames (db, id, error) : NULL;
  g_autofree int64_t *pts = NULL;
  g_autofree char *media = NULL;
  EmTracks *t;

  if (!frames)
    return NULL;
  if (frames->len == 0 || clip->width <= 0 || clip->height <= 0) {
    em_store_fail (error, EM_E_INPUT, "%s: not indexed yet", clip->name);
    return NULL;
  }
  pts = g_new (int64_t, frames->len);
  for (guint i = 0; i < frames->len; i++)
    pts[i] = g_array_index (frames, EmDbFrame, i).pts_ns;
  t = em_tracks_new (clip->name, clip->width, clip->height, (int) frames->len, pts,
                     clip->duration_ns);
  t->has_sound = clip->has_sound;
  media = em_db_clip_media_path (db, clip);
  t->media = media ? strdup (media) : NULL;
  return t;
}

static bool
add_objects (EmDb *db, int64_t clip, EmTracks *t, GError **error)
{
  EmSql q = em_sql (db, "SELECT o.object, o.name, k.name, coalesce (o.class, 0), o.color"
                        " FROM object_now o LEFT JOIN class k ON k.id = o.class"
                        " WHERE o.clip = ? AND o.deleted = 0 ORDER BY o.position, o.object");

  em_sql_int (&q, clip);
  while (em_sql_row (&q))
    em_tracks_add_object (t, em_sql_get_int (&q, 0), em_sql_peek_text (&q, 1),
                          em_sql_peek_text (&q, 2), em_sql_get_int (&q, 3),
                          (uint32_t) em_sql_get_int (&q, 4));
  return em_sql_end (&q, error);
}

/* One mask of a cell. Absent without a mask of its own is an empty one. */
static bool
add_mask (EmDb *db, int64_t clip, EmTracks *t, EmTrackObject *o, const EmLaneCell *c,
          GError **error)
{
  EmTrackMask *m;

  if (c->made) {
    g_autoptr (EmDbMask) mask = em_db_mask (db, clip, o->id, c->frame, c->made, error);

    if (!mask)
      return false;
    m = em_track_object_set (o, c->frame, c->state, mask->rle);
    mask->rle = (EmRle){ 0 };
    m->iou = mask->iou;
    m->score = mask->score;
  } else if (c->state == EM_STATE_ABSENT) {
    m = em_track_object_set (o, c->frame, c->state, em_rle_new (t->width, t->height));
  } else {
    return true; /* the first click is still being decoded */
  }
  m->stale = c->stale;
  return true;
}

static bool
add_lanes (EmDb *db, int64_t clip, EmTracks *t, unsigned states, GError **error)
{
  for (int i = 0; i < t->n_objects; i++) {
    g_autoptr (GArray) cells = em_lane_cells (db, clip, t->objects[i].id, error);

    if (!cells)
      return false;
    for (guint j = 0; j < cells->len; j++) {
      const EmLaneCell *c = &g_array_index (cells, EmLaneCell, j);

      if ((states >> c->state & 1) && c->state != EM_STATE_EMPTY && !c->rejected
          && !add_mask (db, clip, t, &t->objects[i], c, error))
        return false;
    }
  }
  return true;
}

static bool
add_intervals (EmDb *db, int64_t clip, EmTracks *t, GError **error)
{
  g_autoptr (GArray) intervals = em_db_intervals (db, clip, error);

  if (!intervals)
    return false;
  for (guint i = 0; i < intervals->len; i++) {
    const EmDbInterval *v = &g_array_index (intervals, EmDbInterval, i);

    em_tracks_add_interval (t, v->object, v->start_ns, v->end_ns);
  }
  return true;
}

static bool
add_expressions (EmDb *db, int64_t clip, EmTracks *t, GError **error)
{
  g_autoptr (GPtrArray) all = em_db_expressions (db, clip, error);

  if (!all)
    return false;
  for (guint i = 0; i < all->len; i++) {
    const EmDbExpression *e = all->pdata[i];

    em_tracks_add_expression (t, e->number, e->text, e->language, e->split, e->is_null, e->objects,
                              e->n_objects);
  }
  return true;
}

EmTracks *
em_db_tracks (EmDb *db, int64_t clip, unsigned states, GError **error)
{
  EmTracks *t;

  if (!em_db_begin_read (db, error))
    return NULL;
  t = empty_tracks (db, clip, error);
  if (t
      && (!add_objects (db, clip, t, error) || !add_lanes (db, clip, t, states, error)
          || !add_intervals (db, clip, t, error) || !add_expressions (db, clip, t, error))) {
    em_tracks_free (t);
    t = NULL;
  }
  em_db_end_read (db);
  return t;
}
