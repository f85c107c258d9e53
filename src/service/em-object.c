/* em-object.c - a dense lane: one small struct per frame makes every question an index or a pass.
 */
#include "service/em-object.h"
#include <math.h>

struct _EmObject {
  GObject parent_instance;
  EmDbObject row; /* name owned */
  char *class_name;
  guint number;
  bool visible;
  int n_frames;
  EmCell *cells;
  EmDbCounts counts;
  int dirty_first, dirty_last; /* what changed since the last settle; first > last: nothing */
};

G_DEFINE_FINAL_TYPE (EmObject, em_object, G_TYPE_OBJECT)

enum {
  PROP_0,
  PROP_ID,
  PROP_NAME,
  PROP_CLASS_NAME,
  PROP_COLOR,
  PROP_PATTERN,
  PROP_LOCKED,
  PROP_NUMBER,
  PROP_VISIBLE,
  N_PROPS
};
static GParamSpec *props[N_PROPS];
static guint lane_changed;

EmMask *
em_mask_new (const EmDbMask *row)
{
  EmMask *mask = g_atomic_rc_box_new0 (EmMask);

  mask->made = row->made;
  mask->rle = em_rle_copy (&row->rle);
  mask->box = row->box;
  mask->area = row->area;
  mask->origin = row->origin;
  mask->iou = row->iou;
  mask->score = row->score;
  mask->weights = g_strdup (row->weights);
  return mask;
}

EmMask *
em_mask_ref (EmMask *mask)
{
  return g_atomic_rc_box_acquire (mask);
}

static void
mask_clear (gpointer data)
{
  EmMask *mask = data;

  em_rle_clear (&mask->rle);
  g_free (mask->weights);
}

void
em_mask_unref (EmMask *mask)
{
  if (mask)
    g_atomic_rc_box_release_full (mask, mask_clear);
}

static void
cell_clear (EmCell *cell)
{
  g_free (cell->prompts);
  em_mask_unref (cell->mask);
  *cell = (EmCell){ .exists = false };
}

/* Reading -----------------------------------------------------------------------------------------
 */

int64_t
em_object_get_id (EmObject *self)
{
  return self->row.id;
}

const char *
em_object_get_name (EmObject *self)
{
  return self->row.name;
}

const char *
em_object_get_class_name (EmObject *self)
{
  return self->class_name;
}

guint
em_object_get_color (EmObject *self)
{
  return self->row.color;
}

guint
em_object_get_pattern (EmObject *self)
{
  return (guint) ((MAX (self->row.id, 1) - 1) / 7 % 3);
}

bool
em_object_is_locked (EmObject *self)
{
  return self->row.is_locked;
}

bool
em_object_is_visible (EmObject *self)
{
  return self->visible;
}

void
em_object_set_visible (EmObject *self, bool visible)
{
  if (self->visible == visible)
    return;
  self->visible = visible;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_VISIBLE]);
}

guint
em_object_get_number (EmObject *self)
{
  return self->number;
}

const EmDbObject *
em_object_row (EmObject *self)
{
  return &self->row;
}

int
em_object_n_frames (EmObject *self)
{
  return self->n_frames;
}

const EmCell *
em_object_cell (EmObject *self, int frame)
{
  g_return_val_if_fail (frame >= 0 && frame < self->n_frames, &self->cells[0]);
  return &self->cells[frame];
}

const EmDbCounts *
em_object_counts (EmObject *self)
{
  return &self->counts;
}

int
em_object_next_decided (EmObject *self, int frame, int direction)
{
  for (int i = frame + direction; i >= 0 && i < self->n_frames; i += direction)
    if (self->cells[i].exists && em_state_is_protected (self->cells[i].state))
      return i;
  return -1;
}

static bool
is_empty (const EmCell *cell)
{
  return cell->mask && cell->mask->area == 0;
}

static bool
is_same_run (const EmCell *a, const EmCell *b)
{
  return a->state == b->state && a->stale == b->stale && a->rejected == b->rejected
         && a->pending == b->pending && is_empty (a) == is_empty (b)
         && a->state != EM_STATE_KEYFRAME && a->state != EM_STATE_CORRECTED;
}

GArray *
em_object_runs (EmObject *self, int first, int last)
{
  GArray *runs = g_array_new (FALSE, FALSE, sizeof (EmRun));

  first = MAX (first, 0);
  last = MIN (last, self->n_frames - 1);
  for (int i = first; i <= last; i++) {
    const EmCell *cell = &self->cells[i];
    EmRun run = { .first = i,
                  .state = cell->state,
                  .stale = cell->stale,
                  .rejected = cell->rejected,
                  .pending = cell->pending,
                  .is_empty = is_empty (cell) };

    if (!cell->exists || cell->state == EM_STATE_EMPTY)
      continue;
    while (i < last && self->cells[i + 1].exists && is_same_run (cell, &self->cells[i + 1]))
      i++;
    run.last = i;
    g_array_append_val (runs, run);
  }
  return runs;
}

/* Writing -----------------------------------------------------------------------------------------
 */

static void
set_dirty (EmObject *self, int frame)
{
  self->dirty_first = MIN (self->dirty_first, frame);
  self->dirty_last = MAX (self->dirty_last, frame);
}

void
em_object_take_row (EmObject *self, const EmDbObject *row, const char *class_name, guint number)
{
  g_autofree char *old_name = self->row.name, *old_class = self->class_name;
  EmDbObject old = self->row;
  guint old_number = self->number;

  self->row = *row;
  self->row.name = g_strdup (row->name);
  self->class_name = g_strdup (class_name ? class_name : "");
  self->number = number;
  g_object_freeze_notify (G_OBJECT (self));
  if (g_strcmp0 (old_name, self->row.name) != 0)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_NAME]);
  if (g_strcmp0 (old_class, self->class_name) != 0)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_CLASS_NAME]);
  if (old.color != row->color)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_COLOR]);
  if (old.is_locked != row->is_locked)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LOCKED]);
  if (old_number != number)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_NUMBER]);
  g_object_thaw_notify (G_OBJECT (self));
}

void
em_object_take_mask (EmObject *self, int frame, EmMask *mask)
{
  EmCell *cell = &self->cells[frame];

  if (!cell->exists || cell->made != mask->made || cell->mask == mask)
    return; /* overtaken by a later step */
  em_mask_unref (cell->mask);
  cell->mask = em_mask_ref (mask);
  set_dirty (self, frame);
}

void
em_object_take_cell (EmObject *self, int frame, const EmDbCell *row, EmMask *mask)
{
  EmCell *cell = &self->cells[frame];
  g_autoptr (EmMask) kept = NULL;

  if (row && cell->mask && cell->mask->made == row->made)
    kept = em_mask_ref (cell->mask);
  cell_clear (cell);
  set_dirty (self, frame);
  if (row == NULL)
    return;
  cell->exists = true;
  cell->state = row->state;
  cell->pending = row->pending;
  cell->rejected = row->rejected;
  cell->step = row->step;
  cell->made = row->made;
  cell->prompts = g_strdup (row->prompts);
  cell->mask = g_steal_pointer (&kept);
  if (mask)
    em_object_take_mask (self, frame, mask);
}

void
em_object_begin_lane (EmObject *self)
{
  for (int i = 0; i < self->n_frames; i++)
    if (self->cells[i].exists) {
      self->cells[i].exists = false; /* the mask waits: most lanes come back much the same */
      set_dirty (self, i);
    }
}

/* What a propagated mask leans on: a person's decision on this side. */
static int64_t
decision_age (const EmCell *cell)
{
  if (cell->exists && cell->state == EM_STATE_EMPTY)
    return cell->step;
  if (cell->exists && em_state_is_protected (cell->state))
    return cell->made;
  return -1;
}

/* Stale: the nearest decision to the left or right is newer than the mask itself. */
static void
derive_stale (EmObject *self)
{
  int64_t age = 0;

  for (int i = 0; i < self->n_frames; i++) {
    EmCell *cell = &self->cells[i];

    if (decision_age (cell) >= 0)
      age = decision_age (cell);
    cell->stale = cell->exists && cell->state == EM_STATE_PROPAGATED && age > cell->made;
  }
  age = 0;
  for (int i = self->n_frames - 1; i >= 0; i--) {
    EmCell *cell = &self->cells[i];

    if (decision_age (cell) >= 0)
      age = decision_age (cell);
    if (cell->exists && cell->state == EM_STATE_PROPAGATED && age > cell->made)
      cell->stale = true;
  }
}

void
em_object_settle (EmObject *self)
{
  int first = self->dirty_first, last = self->dirty_last;

  if (first > last)
    return;
  derive_stale (self);
  self->counts = (EmDbCounts){ .stale = 0 };
  for (int i = 0; i < self->n_frames; i++) {
    const EmCell *cell = &self->cells[i];

    if (!cell->exists) {
      if (cell->mask)
        cell_clear (&self->cells[i]);
      continue;
    }
    self->counts.by_state[cell->state]++;
    self->counts.stale += cell->stale;
    self->counts.rejected += cell->rejected;
    self->counts.pending += cell->pending;
  }
  self->dirty_first = G_MAXINT;
  self->dirty_last = -1;
  g_signal_emit (self, lane_changed, 0, first, last);
}

/* Life --------------------------------------------------------------------------------------------
 */

static void
em_object_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  EmObject *self = EM_OBJECT (object);

  switch (id) {
  case PROP_ID:
    g_value_set_int64 (value, self->row.id);
    break;
  case PROP_NAME:
    g_value_set_string (value, self->row.name);
    break;
  case PROP_CLASS_NAME:
    g_value_set_string (value, self->class_name);
    break;
  case PROP_COLOR:
    g_value_set_uint (value, self->row.color);
    break;
  case PROP_PATTERN:
    g_value_set_uint (value, em_object_get_pattern (self));
    break;
  case PROP_LOCKED:
    g_value_set_boolean (value, self->row.is_locked);
    break;
  case PROP_NUMBER:
    g_value_set_uint (value, self->number);
    break;
  case PROP_VISIBLE:
    g_value_set_boolean (value, self->visible);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
em_object_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_VISIBLE)
    em_object_set_visible (EM_OBJECT (object), g_value_get_boolean (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
em_object_finalize (GObject *object)
{
  EmObject *self = EM_OBJECT (object);

  for (int i = 0; i < self->n_frames; i++)
    cell_clear (&self->cells[i]);
  g_free (self->cells);
  g_free (self->row.name);
  g_free (self->class_name);
  G_OBJECT_CLASS (em_object_parent_class)->finalize (object);
}

static void
em_object_class_init (EmObjectClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags read = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->get_property = em_object_get_property;
  object_class->set_property = em_object_set_property;
  object_class->finalize = em_object_finalize;
  props[PROP_ID] = g_param_spec_int64 ("id", NULL, NULL, 0, G_MAXINT64, 0, read);
  props[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, "", read);
  props[PROP_CLASS_NAME] = g_param_spec_string ("class-name", NULL, NULL, "", read);
  props[PROP_COLOR] = g_param_spec_uint ("color", NULL, NULL, 0, 0xffffff, 0, read);
  props[PROP_PATTERN] = g_param_spec_uint ("pattern", NULL, NULL, 0, 2, 0, read);
  props[PROP_LOCKED] = g_param_spec_boolean ("locked", NULL, NULL, FALSE, read);
  props[PROP_NUMBER] = g_param_spec_uint ("number", NULL, NULL, 0, G_MAXUINT, 0, read);
  props[PROP_VISIBLE]
      = g_param_spec_boolean ("visible", NULL, NULL, TRUE,
                              G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
  lane_changed = g_signal_new ("lane-changed", EM_TYPE_OBJECT, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                               NULL, G_TYPE_NONE, 2, G_TYPE_INT, G_TYPE_INT);
}

static void
em_object_init (EmObject *self)
{
  self->visible = true;
  self->dirty_first = G_MAXINT;
  self->dirty_last = -1;
}

EmObject *
em_object_new (const EmDbObject *row, const char *class_name, int n_frames)
{
  EmObject *self = g_object_new (EM_TYPE_OBJECT, NULL);

  self->n_frames = MAX (n_frames, 1);
  self->cells = g_new0 (EmCell, self->n_frames);
  em_object_take_row (self, row, class_name, 1);
  return self;
}
