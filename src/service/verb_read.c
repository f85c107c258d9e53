/* verb_read.c - what the project holds, as deltas: the answer to a verb and what opening shows. */
#include "service/verb_read.h"
#include "store/prompt_json.h"

static void
clear_delta_cell (gpointer data)
{
  EmDeltaCell *cell = data;

  g_clear_pointer (&cell->row, em_db_cell_free);
  em_mask_unref (cell->mask);
  em_mask_unref (cell->base);
}

EmDelta *
em_delta_new (void)
{
  EmDelta *delta = g_new0 (EmDelta, 1);

  delta->frame = -1;
  delta->cells = g_array_new (FALSE, FALSE, sizeof (EmDeltaCell));
  g_array_set_clear_func (delta->cells, clear_delta_cell);
  delta->lanes = g_array_new (FALSE, FALSE, sizeof (int64_t));
  return delta;
}

void
em_delta_free (EmDelta *delta)
{
  if (delta == NULL)
    return;
  g_free (delta->refusal);
  g_array_unref (delta->cells);
  g_array_unref (delta->lanes);
  g_clear_pointer (&delta->objects, g_ptr_array_unref);
  g_clear_pointer (&delta->class_names, g_ptr_array_unref);
  g_clear_pointer (&delta->expressions, g_ptr_array_unref);
  g_free (delta);
}

/* Reading back ------------------------------------------------------------------------------------
 */

static EmMask *
read_mask (EmDb *db, int64_t clip, int64_t object, int frame, int64_t made, GError **error)
{
  g_autoptr (EmDbMask) row = em_db_mask (db, clip, object, frame, made, error);

  return row ? em_mask_new (row) : NULL;
}

/* Takes over `row`. A pending cell brings the mask it is built on. */
static bool
add_cell (EmDb *db, int64_t clip, EmDelta *delta, int64_t object, int frame, EmDbCell *row,
          bool with_mask, GError **error)
{
  EmDeltaCell cell = { .object = object, .frame = frame, .row = row };
  EmPromptSet set = { .n = 0 };
  int64_t base = 0;

  if (row && with_mask && row->made > 0) {
    cell.mask = read_mask (db, clip, object, frame, row->made, error);
    if (cell.mask == NULL)
      goto failed;
  }
  if (row && row->pending && row->prompts) {
    if (!em_prompts_from_json (row->prompts, &set, &base, error))
      goto failed;
    if (base > 0 && !(cell.base = read_mask (db, clip, object, frame, base, error)))
      goto failed;
  }
  g_array_append_val (delta->cells, cell);
  return true;
failed:
  clear_delta_cell (&cell);
  return false;
}

bool
em_delta_read_cell (EmDb *db, int64_t clip, EmDelta *delta, int64_t object, int frame,
                    GError **error)
{
  g_autoptr (GError) local = NULL;
  EmDbCell *row = em_db_cell (db, clip, object, frame, &local);

  if (local) {
    g_propagate_error (error, g_steal_pointer (&local));
    return false;
  }
  return add_cell (db, clip, delta, object, frame, row, true, error);
}

bool
em_delta_read_lane (EmDb *db, int64_t clip, EmDelta *delta, int64_t object, GError **error)
{
  g_autoptr (GPtrArray) rows = em_db_cells_of (db, clip, object, error);

  if (rows == NULL)
    return false;
  g_array_append_val (delta->lanes, object);
  g_ptr_array_set_free_func (rows, NULL);
  for (guint i = 0; i < rows->len; i++) {
    EmDbCell *row = rows->pdata[i];

    if (!add_cell (db, clip, delta, object, row->frame, row, false, error)) {
      for (i++; i < rows->len; i++)
        em_db_cell_free (rows->pdata[i]);
      return false;
    }
  }
  return true;
}

bool
em_delta_read_objects (EmDb *db, int64_t clip, EmDelta *delta, GError **error)
{
  g_autoptr (GPtrArray) classes = em_db_classes (db, error);

  if (classes == NULL)
    return false;
  delta->objects = em_db_objects (db, clip, false, error);
  if (delta->objects == NULL)
    return false;
  delta->class_names = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < delta->objects->len; i++) {
    const EmDbObject *object = delta->objects->pdata[i];
    const char *name = "";

    for (guint k = 0; k < classes->len; k++)
      if (((EmDbClass *) classes->pdata[k])->id == object->class_id)
        name = ((EmDbClass *) classes->pdata[k])->name;
    g_ptr_array_add (delta->class_names, g_strdup (name));
  }
  return em_delta_read_expressions (db, clip, delta, error);
}

bool
em_delta_read_expressions (EmDb *db, int64_t clip, EmDelta *delta, GError **error)
{
  g_clear_pointer (&delta->expressions, g_ptr_array_unref);
  delta->expressions = em_db_expressions (db, clip, error);
  return delta->expressions != NULL;
}

gpointer
em_clip_read_all (EmDb *db, gpointer data, GError **error)
{
  int64_t clip = *(int64_t *) data;
  g_autoptr (EmDelta) delta = em_delta_new ();

  if (!em_delta_read_objects (db, clip, delta, error))
    return NULL;
  for (guint i = 0; i < delta->objects->len; i++)
    if (!em_delta_read_lane (db, clip, delta, ((EmDbObject *) delta->objects->pdata[i])->id, error))
      return NULL;
  if (!em_db_peek (db, clip, &delta->undo, &delta->redo, error))
    return NULL;
  return g_steal_pointer (&delta);
}

gpointer
em_clip_read_pending (EmDb *db, gpointer data, GError **error)
{
  int64_t clip = *(int64_t *) data;
  g_autoptr (GPtrArray) rows = em_db_pending (db, clip, error);
  g_autoptr (EmDelta) delta = em_delta_new ();

  if (rows == NULL)
    return NULL;
  for (guint i = 0; i < rows->len; i++) {
    const EmDbCell *row = rows->pdata[i];

    if (!em_delta_read_cell (db, clip, delta, row->object, row->frame, error))
      return NULL;
  }
  if (!em_db_peek (db, clip, &delta->undo, &delta->redo, error))
    return NULL;
  return g_steal_pointer (&delta);
}

EmMaskWish *
em_mask_wish_new (int64_t clip)
{
  EmMaskWish *wish = g_new0 (EmMaskWish, 1);

  wish->clip = clip;
  wish->keys = g_array_new (FALSE, FALSE, sizeof (EmMaskKey));
  return wish;
}

void
em_mask_wish_free (EmMaskWish *wish)
{
  g_array_unref (wish->keys);
  g_free (wish);
}

static void
free_mask (gpointer data)
{
  em_mask_unref (data);
}

gpointer
em_masks_read (EmDb *db, gpointer data, GError **error)
{
  const EmMaskWish *wish = data;
  g_autoptr (GPtrArray) masks = g_ptr_array_new_with_free_func (free_mask);

  for (guint i = 0; i < wish->keys->len; i++) {
    const EmMaskKey *key = &g_array_index (wish->keys, EmMaskKey, i);
    EmMask *mask = read_mask (db, wish->clip, key->object, key->frame, key->made, error);

    if (mask == NULL)
      return NULL;
    g_ptr_array_add (masks, mask);
  }
  return g_steal_pointer (&masks);
}

/* Writing ---------------------------------------------------------------------------------------
 */

bool
em_delta_commit (EmDb *db, const EmVerb *verb, EmEdit *edit, EmDelta *delta, GError **error)
{
  delta->step = em_db_edit (db, verb->clip, edit, error);
  if (delta->step == 0)
    return false;
  delta->written = em_edit_written (edit);
  if (delta->object < 0)
    delta->object = em_edit_object_id (edit, delta->object);
  return true;
}

bool
em_delta_refuse (EmDelta *delta, const char *why)
{
  delta->refusal = g_strdup (why);
  return true;
}
