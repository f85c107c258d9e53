/* edit.c - collecting the rows of one step. Everything given is copied: an edit travels to the
 * store thread and may have to wait there for a full disk. */
#include "store/edit.h"
#include <string.h>
#include "store/db_private.h"

static const char *const step_kind_names[EM_N_STEP_KINDS]
    = { "prompt",   "brush",  "accept", "refuse",    "track",   "new object",
        "rename",   "class",  "color",  "order",     "lock",    "delete object",
        "interval", "absent", "clear",  "paste",     "restore", "approve",
        "reject",   "import", "mark",   "expression" };
static const char *const origin_names[EM_N_ORIGINS]
    = { "audio", "prompt", "propagated", "brush", "imported" };

const char *
em_step_kind_name (EmStepKind kind)
{
  EM_BUG_UNLESS (kind >= 0 && kind < EM_N_STEP_KINDS);
  return step_kind_names[kind];
}

EmStepKind
em_step_kind_from_name (const char *name)
{
  for (int i = 0; i < EM_N_STEP_KINDS; i++)
    if (strcmp (step_kind_names[i], name) == 0)
      return i;
  return EM_STEP_MARK; /* a kind this version does not know: a step without a picture of its own */
}

const char *
em_origin_name (EmOrigin origin)
{
  EM_BUG_UNLESS (origin >= 0 && origin < EM_N_ORIGINS);
  return origin_names[origin];
}

void
em_db_object_free (EmDbObject *object)
{
  if (!object)
    return;
  g_free (object->name);
  g_free (object);
}

static void
clear_object (gpointer data)
{
  g_free (((EmEditObject *) data)->row.name);
}

static void
clear_cell (gpointer data)
{
  EmEditCell *c = data;

  g_free ((char *) c->row.prompts);
  g_free ((char *) c->row.weights);
  g_free ((char *) c->row.sources);
  em_rle_clear (&c->mask);
}

static void
clear_decision (gpointer data)
{
  EmEditDecision *d = data;

  for (int i = 0; i < d->n; i++)
    em_rle_clear (&d->masks[i]);
  g_free (d->masks);
  g_free (d->objects);
  g_free (d->source);
}

EmEdit *
em_edit_new (EmStepKind kind)
{
  EmEdit *e = g_new0 (EmEdit, 1);

  e->kind = kind;
  e->focus_frame = -1;
  e->objects = g_array_new (FALSE, FALSE, sizeof (EmEditObject));
  g_array_set_clear_func (e->objects, clear_object);
  e->cells = g_array_new (FALSE, FALSE, sizeof (EmEditCell));
  g_array_set_clear_func (e->cells, clear_cell);
  e->intervals = g_array_new (FALSE, FALSE, sizeof (EmEditInterval));
  e->decisions = g_array_new (FALSE, FALSE, sizeof (EmEditDecision));
  g_array_set_clear_func (e->decisions, clear_decision);
  e->expressions = g_ptr_array_new_with_free_func ((GDestroyNotify) em_db_expression_free);
  return e;
}

void
em_edit_free (EmEdit *e)
{
  if (!e)
    return;
  g_array_unref (e->objects);
  g_array_unref (e->cells);
  g_array_unref (e->intervals);
  g_array_unref (e->decisions);
  g_ptr_array_unref (e->expressions);
  g_free (e->request);
  g_free (e->name);
  g_free (e->log);
  g_free (e);
}

void
em_edit_set_focus (EmEdit *e, int64_t object, int frame)
{
  e->focus_object = object;
  e->focus_frame = frame;
}

static void
set (char **to, const char *text)
{
  g_free (*to);
  *to = g_strdup (text);
}

void
em_edit_set_request (EmEdit *e, const char *json)
{
  set (&e->request, json);
}

void
em_edit_set_name (EmEdit *e, const char *name)
{
  set (&e->name, name);
}

void
em_edit_set_log (EmEdit *e, const char *json)
{
  set (&e->log, json);
}

void
em_edit_set_open (EmEdit *e)
{
  e->is_open = true;
}

void
em_edit_spare_protected (EmEdit *e)
{
  e->spares_protected = true;
}

int64_t
em_edit_new_object (EmEdit *e, const char *name, int64_t class_id, uint32_t color, int position)
{
  EmEditObject o = { .placeholder = -(int64_t) ++e->n_new };

  o.row = (EmDbObject){
    .name = g_strdup (name), .class_id = class_id, .color = color, .position = position
  };
  g_array_append_val (e->objects, o);
  return o.placeholder;
}

void
em_edit_object (EmEdit *e, const EmDbObject *row)
{
  EmEditObject o = { .row = *row, .id = row->id };

  EM_BUG_UNLESS (row->id > 0);
  o.row.name = g_strdup (row->name);
  g_array_append_val (e->objects, o);
}

void
em_edit_cell (EmEdit *e, const EmCellRow *row)
{
  EmEditCell c = { .row = *row };

  EM_BUG_UNLESS (row->state >= 0 && row->state < EM_N_STATES && row->frame >= 0);
  c.row.prompts = g_strdup (row->prompts);
  c.row.weights = g_strdup (row->weights);
  c.row.sources = g_strdup (row->sources);
  if (row->mask)
    c.mask = em_rle_copy (row->mask);
  c.row.mask = NULL;
  g_array_append_val (e->cells, c);
}

void
em_edit_interval (EmEdit *e, int64_t number, int64_t object, int64_t start_ns, int64_t end_ns,
                  EmOrigin origin, float confidence, bool is_deleted)
{
  EmEditInterval i = { number, object, start_ns, end_ns, origin, confidence, is_deleted };

  EM_BUG_UNLESS (start_ns <= end_ns);
  g_array_append_val (e->intervals, i);
}

void
em_edit_decide (EmEdit *e, int frame, const char *source, EmDecision decision, double threshold,
                const EmDbCandidate *candidates, int n)
{
  EmEditDecision d = { .frame = frame, .decision = decision, .threshold = threshold, .n = n };

  d.source = g_strdup (source);
  d.masks = g_new0 (EmRle, n);
  d.objects = g_new0 (int64_t, n);
  for (int i = 0; i < n; i++) {
    d.masks[i] = em_rle_copy (candidates[i].mask);
    d.objects[i] = candidates[i].object;
  }
  g_array_append_val (e->decisions, d);
}

int
em_edit_written (const EmEdit *e)
{
  return e->written;
}

int64_t
em_edit_object_id (const EmEdit *e, int64_t placeholder)
{
  if (placeholder > 0)
    return placeholder;
  for (guint i = 0; i < e->objects->len; i++) {
    const EmEditObject *o = &g_array_index (e->objects, EmEditObject, i);

    if (o->placeholder == placeholder)
      return o->id;
  }
  return 0;
}
