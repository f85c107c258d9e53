/* stage.c - from cells to layers. A mask's layer is kept as long as it is shown, so that the canvas
 * uploads it once. */
#include "app/stage.h"

#define CANDIDATE_COLOR 0xffd24d

struct EmStage {
  EmViewer *viewer;
  EmClip *clip;
  double opacity;
  gboolean outlines, solo, hidden;
  int hovered, selected_prompt;
  GPtrArray *shown; /* EmObject, beside the hit targets */
  GHashTable *kept; /* EmMask -> EmLayer without looks, of the last scene */
};

static void
free_layer (gpointer data)
{
  em_layer_free (data);
}

static void
unref_mask (gpointer data)
{
  em_mask_unref (data);
}

/* The layer's pixels are shared, its looks are this scene's. */
static EmLayer *
layer_for (EmStage *self, GHashTable *next, EmMask *mask, EmObject *object)
{
  EmLayer *kept = g_hash_table_lookup (next, mask), *layer;

  if (kept == NULL) {
    kept = g_hash_table_lookup (self->kept, mask);
    if (kept)
      kept = em_layer_copy (kept);
    else
      kept = em_layer_new (&mask->rle, 0, EM_PATTERN_PLAIN);
    g_hash_table_insert (next, em_mask_ref (mask), kept);
  }
  layer = em_layer_copy (kept);
  layer->color = em_object_get_color (object);
  layer->pattern = (EmPattern) em_object_get_pattern (object);
  return layer;
}

static gboolean
is_shown (EmStage *self, EmObject *object)
{
  EmObject *selected = em_clip_get_selected (self->clip);

  return !self->hidden && em_object_is_visible (object)
         && (!self->solo || selected == NULL || object == selected);
}

/* First in the list lies on top, so layers are added from the end. */
static void
add_masks (EmStage *self, GPtrArray *layers, GHashTable *next)
{
  GListModel *objects = em_clip_get_objects (self->clip);
  int frame = em_clip_get_frame (self->clip);

  for (guint i = g_list_model_get_n_items (objects); i-- > 0;) {
    g_autoptr (EmObject) object = g_list_model_get_item (objects, i);
    const EmCell *cell = em_object_cell (object, frame);
    EmLayer *layer;

    if (!cell->exists || cell->mask == NULL || cell->mask->area == 0 || !is_shown (self, object))
      continue;
    layer = layer_for (self, next, cell->mask, object);
    layer->fill = self->outlines ? 0 : (float) self->opacity;
    layer->line = object == em_clip_get_selected (self->clip) ? 2 : 1.2f;
    g_ptr_array_add (layers, layer);
    g_ptr_array_insert (self->shown, 0, g_object_ref (object));
  }
}

static void
add_candidates (EmStage *self, const EmProposal *proposal, GPtrArray *layers)
{
  for (guint i = 0; i < proposal->candidates->len; i++) {
    const EmCandidate *c = &g_array_index (proposal->candidates, EmCandidate, i);
    EmLayer *layer;

    if (proposal->assigned[i] != 0)
      continue;
    layer = em_layer_new (&c->mask, CANDIDATE_COLOR, EM_PATTERN_DOTS);
    layer->fill = self->hovered < 0 || self->hovered == (int) i ? 0.3f : 0.08f;
    layer->line = self->hovered == (int) i ? 2.5f : 1.8f;
    layer->dashed = TRUE;
    g_ptr_array_add (layers, layer);
  }
}

static void
fill_picture (EmStage *self, EmPicture *picture)
{
  picture->pixels = em_clip_get_picture (self->clip);
  picture->width = em_clip_get_width (self->clip);
  picture->height = em_clip_get_height (self->clip);
  picture->stride = picture->width * 4;
}

static void
show (EmStage *self)
{
  EmViewerContent content = { .n_marks = 0 };
  g_autoptr (GPtrArray) layers = g_ptr_array_new_with_free_func (free_layer);
  g_autoptr (GArray) prompts = NULL;
  g_autoptr (GArray) marks = g_array_new (FALSE, FALSE, sizeof (EmMark));
  g_autoptr (GArray) open = g_array_new (FALSE, FALSE, sizeof (EmRle));
  g_autoptr (GArray) scores = g_array_new (FALSE, FALSE, sizeof (float));
  g_autoptr (GPtrArray) hits = g_ptr_array_new ();
  GHashTable *next = g_hash_table_new_full (NULL, NULL, unref_mask, free_layer);
  const EmProposal *proposal;

  g_ptr_array_set_size (self->shown, 0);
  if (self->clip && em_clip_get_index (self->clip)) {
    fill_picture (self, &content.picture);
    add_masks (self, layers, next);
    for (guint i = 0; i < self->shown->len; i++)
      g_ptr_array_add (
          hits, (gpointer) &em_object_cell (self->shown->pdata[i], em_clip_get_frame (self->clip))
                    ->mask->rle);
    prompts = em_clip_shown_prompts (self->clip);
    for (guint i = 0; i < prompts->len; i++) {
      const EmShownPrompt *p = &g_array_index (prompts, EmShownPrompt, i);
      EmMark mark = { p->prompt, p->hollow, (int) i == self->selected_prompt };

      g_array_append_val (marks, mark);
    }
    if ((proposal = em_clip_get_proposal (self->clip))) {
      add_candidates (self, proposal, layers);
      for (guint i = 0; i < proposal->candidates->len; i++) {
        const EmCandidate *c = &g_array_index (proposal->candidates, EmCandidate, i);
        EmRle gone = { .width = 0 };

        g_array_append_val (open, *(proposal->assigned[i] ? &gone : &c->mask)); /* borrowed */
        g_array_append_val (scores, c->score);
      }
    }
  }
  g_hash_table_unref (self->kept);
  self->kept = next;
  content.layers = layers;
  content.marks = (const EmMark *) marks->data;
  content.n_marks = (int) marks->len;
  content.candidates = (const EmRle *) open->data;
  content.candidate_scores = (const float *) scores->data;
  content.n_candidates = (int) open->len;
  content.masks = (const EmRle *const *) hits->pdata;
  content.n_masks = (int) hits->len;
  em_viewer_set_content (self->viewer, &content);
}

static void
moved_cb (EmStage *self)
{
  self->selected_prompt = -1;
}

EmStage *
em_stage_new (EmViewer *viewer)
{
  EmStage *self = g_new0 (EmStage, 1);

  self->viewer = viewer;
  self->opacity = 0.45;
  self->hovered = self->selected_prompt = -1;
  self->shown = g_ptr_array_new_with_free_func (g_object_unref);
  self->kept = g_hash_table_new_full (NULL, NULL, unref_mask, free_layer);
  return self;
}

void
em_stage_set_clip (EmStage *self, EmClip *clip)
{
  if (self->clip)
    g_signal_handlers_disconnect_by_data (self->clip, self);
  g_set_object (&self->clip, clip);
  self->hovered = self->selected_prompt = -1;
  if (clip) {
    g_signal_connect_swapped (clip, "notify::frame", G_CALLBACK (moved_cb), self);
    g_signal_connect_swapped (clip, "notify::selected", G_CALLBACK (moved_cb), self);
    g_signal_connect_swapped (clip, "scene-changed", G_CALLBACK (show), self);
    g_signal_connect_swapped (clip, "picture", G_CALLBACK (show), self);
  }
  show (self);
}

void
em_stage_free (EmStage *self)
{
  if (self == NULL)
    return;
  if (self->clip)
    g_signal_handlers_disconnect_by_data (self->clip, self);
  g_clear_object (&self->clip);
  g_ptr_array_unref (self->shown);
  g_hash_table_unref (self->kept);
  g_free (self);
}

void
em_stage_set_opacity (EmStage *self, double opacity)
{
  self->opacity = opacity;
  show (self);
}

void
em_stage_set_outlines (EmStage *self, gboolean only)
{
  self->outlines = only;
  show (self);
}

void
em_stage_set_solo (EmStage *self, gboolean solo)
{
  self->solo = solo;
  show (self);
}

void
em_stage_set_hidden (EmStage *self, gboolean hidden)
{
  if (self->hidden == hidden)
    return;
  self->hidden = hidden;
  show (self);
}

void
em_stage_set_hovered (EmStage *self, int candidate)
{
  if (self->hovered == candidate)
    return;
  self->hovered = candidate;
  show (self);
}

void
em_stage_select_prompt (EmStage *self, int index)
{
  self->selected_prompt = index;
  show (self);
}

int
em_stage_get_selected_prompt (EmStage *self)
{
  return self->selected_prompt;
}

EmObject *
em_stage_object (EmStage *self, int index)
{
  return index >= 0 && index < (int) self->shown->len ? self->shown->pdata[index] : NULL;
}

EmObject *
em_stage_object_at (EmStage *self, double x, double y)
{
  for (guint i = 0; self->clip && i < self->shown->len; i++) {
    const EmCell *cell = em_object_cell (self->shown->pdata[i], em_clip_get_frame (self->clip));

    if (cell->mask && em_rle_holds (&cell->mask->rle, (int) x, (int) y))
      return self->shown->pdata[i];
  }
  return NULL;
}
