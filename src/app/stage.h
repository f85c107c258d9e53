/* stage.h - what of a clip is on the canvas.
 *
 * Listens to an EmClip and hands the viewer its content: visible masks as layers, the selected
 * object's prompts, candidates. Keeps how masks are shown, which is a matter of the view and not of
 * the project. Owned by the window; main thread. */
#pragma once
#include "app/em-viewer.h"
#include "service/em-clip.h"

typedef struct EmStage EmStage;

EmStage *em_stage_new (EmViewer *viewer); /* the viewer outlives it */
void em_stage_free (EmStage *stage);      /* NULL is fine */
void em_stage_set_clip (EmStage *stage, EmClip *clip);

void em_stage_set_opacity (EmStage *stage, double opacity); /* 0..1 */
void em_stage_set_outlines (EmStage *stage, gboolean only); /* no filling */
void em_stage_set_solo (EmStage *stage, gboolean solo);     /* the selected object alone */
void em_stage_set_hidden (EmStage *stage, gboolean hidden); /* no masks at all */
void em_stage_set_hovered (EmStage *stage, int candidate);  /* the others are dimmed; -1: none */
/* The prompt that Delete takes away; -1: none. It ends with the frame or object it was chosen on.
 */
void em_stage_select_prompt (EmStage *stage, int index);
int em_stage_get_selected_prompt (EmStage *stage);
/* The object of a hit target, as the viewer's masks are ordered (transfer none). */
EmObject *em_stage_object (EmStage *stage, int index);
EmObject *em_stage_object_at (EmStage *stage, double x, double y); /* NULL: none */
