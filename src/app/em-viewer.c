/* em-viewer.c - the widget around the two canvas painters.
 *
 * A GtkGLArea fills the widget; when it cannot get a context the software painter's texture takes
 * its place in snapshot(). Marks lie in a drawing area on top that takes no input, so that every
 * gesture arrives here, is brought to picture pixels and judged by em_viewer_act(). */
#include "app/em-viewer.h"
#include "app/canvas_gl.h"
#include "app/viewer_marks.h"
#include <math.h>

struct _EmViewer {
  GtkWidget parent_instance;
  GtkWidget *area, *marks_area;
  EmCanvasGl *gl;
  gboolean is_soft; /* no GL here */
  EmViewport view;

  EmPicture picture;
  GPtrArray *layers;
  GArray *marks;      /* EmMark */
  GArray *prompts;    /* EmPrompt, the same prompts for hit tests */
  GArray *candidates; /* EmRle */
  GArray *scores;     /* float */
  GArray *masks;      /* EmRle */
  EmTool tool;
  gboolean swapped;

  gboolean has_pointer;
  double pointer_x, pointer_y; /* view pixels */
  int hovered;                 /* candidate */
  double press_x, press_y;     /* picture pixels */
  gboolean is_dragging, is_panning;
  double last_x, last_y; /* of a pan */
  double pinch_scale;
  gboolean has_crosshair;
  int cross_x, cross_y;
};

G_DEFINE_FINAL_TYPE (EmViewer, em_viewer, GTK_TYPE_WIDGET)

enum { ACT, POINTER, ZOOMED, HOVER_CANDIDATE, N_SIGNALS };
static guint signals[N_SIGNALS];

static void
queue_paint (EmViewer *self)
{
  if (self->is_soft)
    gtk_widget_queue_draw (GTK_WIDGET (self));
  else
    gtk_gl_area_queue_render (GTK_GL_AREA (self->area));
}

static void
queue_all (EmViewer *self)
{
  queue_paint (self);
  gtk_widget_queue_draw (self->marks_area);
}

/* GL ----------------------------------------------------------------------------------------------
 */

/* GTK 4.8 asks for desktop GL only; a stack that has nothing but GLES is fine here too. */
static GdkGLContext *
create_context_cb (GtkGLArea *area, EmViewer *self)
{
  GdkSurface *surface = gtk_native_get_surface (gtk_widget_get_native (GTK_WIDGET (area)));
  g_autoptr (GError) error = NULL;
  g_autoptr (GdkGLContext) context = gdk_surface_create_gl_context (surface, &error);

  if (context) {
    gdk_gl_context_set_allowed_apis (context, GDK_GL_API_GL | GDK_GL_API_GLES);
    gdk_gl_context_set_required_version (context, 3, 0);
    if (gdk_gl_context_realize (context, &error))
      return g_steal_pointer (&context);
  }
  gtk_gl_area_set_error (area, error);
  return NULL;
}

static void
go_soft (EmViewer *self, const char *why)
{
  g_message ("The canvas paints in software: %s", why);
  self->is_soft = TRUE;
  gtk_widget_set_opacity (self->area, 0); /* hiding it while it is realized upsets its layout */
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
realize_cb (GtkGLArea *area, EmViewer *self)
{
  g_autoptr (GError) error = NULL;

  gtk_gl_area_make_current (area);
  if (gtk_gl_area_get_error (area)) {
    go_soft (self, gtk_gl_area_get_error (area)->message);
    return;
  }
  self->gl = em_canvas_gl_open (gdk_gl_context_get_use_es (gtk_gl_area_get_context (area)), &error);
  if (self->gl == NULL)
    go_soft (self, error->message);
}

static void
unrealize_cb (GtkGLArea *area, EmViewer *self)
{
  if (self->gl == NULL)
    return;
  gtk_gl_area_make_current (area);
  g_clear_pointer (&self->gl, em_canvas_gl_close);
}

static gboolean
render_cb (GtkGLArea *area, GdkGLContext *context, EmViewer *self)
{
  if (self->gl)
    em_canvas_gl_paint (self->gl, &self->view, gtk_widget_get_scale_factor (GTK_WIDGET (self)),
                        &self->picture, self->layers);
  return TRUE;
}

static void
snapshot_soft (EmViewer *self, GtkSnapshot *snapshot)
{
  int w = gtk_widget_get_width (GTK_WIDGET (self)), h = gtk_widget_get_height (GTK_WIDGET (self));
  gsize n = (gsize) w * h * 4;
  guint8 *pixels = g_malloc (n);
  g_autoptr (GBytes) bytes = g_bytes_new_take (pixels, n);
  g_autoptr (GdkTexture) texture = NULL;

  em_canvas_paint (&self->view, &self->picture, self->layers, pixels, w, h);
  texture = gdk_memory_texture_new (w, h, GDK_MEMORY_R8G8B8A8, bytes, (gsize) w * 4);
  gtk_snapshot_append_texture (snapshot, texture, &GRAPHENE_RECT_INIT (0, 0, w, h));
}

static void
em_viewer_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  EmViewer *self = EM_VIEWER (widget);

  if (self->is_soft && gtk_widget_get_width (widget) > 0 && gtk_widget_get_height (widget) > 0)
    snapshot_soft (self, snapshot);
  GTK_WIDGET_CLASS (em_viewer_parent_class)->snapshot (widget, snapshot);
}

static void
draw_marks_cb (GtkDrawingArea *area, cairo_t *cr, int width, int height, gpointer data)
{
  EmViewer *self = data;
  EmMarkScene scene = { .view = &self->view,
                        .marks = (const EmMark *) self->marks->data,
                        .n_marks = (int) self->marks->len,
                        .candidates = (const EmRle *) self->candidates->data,
                        .scores = (const float *) self->scores->data,
                        .n_candidates = (int) self->candidates->len,
                        .hovered = self->hovered,
                        .has_crosshair = self->has_crosshair,
                        .cross_x = self->cross_x,
                        .cross_y = self->cross_y };

  if (self->picture.pixels == NULL)
    return;
  if (self->is_dragging && !self->is_panning && self->tool == EM_TOOL_PROMPT) {
    double px, py;

    em_viewport_to_picture (&self->view, self->pointer_x, self->pointer_y, &px, &py);
    scene.has_drag = em_drag_box (self->press_x, self->press_y, px, py, self->picture.width,
                                  self->picture.height, &scene.drag);
  }
  em_marks_draw (cr, &scene);
}

/* Content -----------------------------------------------------------------------------------------
 */

static void
clear_rle (gpointer data)
{
  em_rle_clear (data);
}

static void
set_rles (GArray *array, const EmRle *const *masks, const EmRle *flat, int n)
{
  g_array_set_size (array, 0);
  for (int i = 0; i < n; i++) {
    EmRle copy = em_rle_copy (masks ? masks[i] : &flat[i]);

    g_array_append_val (array, copy);
  }
}

static void
take_picture (EmViewer *self, const EmPicture *picture)
{
  GBytes *old = self->picture.pixels;

  self->picture = *picture;
  if (self->picture.pixels)
    g_bytes_ref (self->picture.pixels);
  g_clear_pointer (&old, g_bytes_unref);
  if (self->view.width != picture->width || self->view.height != picture->height) {
    self->view.width = picture->width;
    self->view.height = picture->height;
    em_viewport_fit (&self->view);
    g_signal_emit (self, signals[ZOOMED], 0);
  }
}

void
em_viewer_set_picture (EmViewer *self, const EmPicture *picture)
{
  take_picture (self, picture);
  queue_paint (self);
}

static void
set_hovered (EmViewer *self, int index)
{
  if (index == self->hovered)
    return;
  self->hovered = index;
  gtk_widget_queue_draw (self->marks_area);
  g_signal_emit (self, signals[HOVER_CANDIDATE], 0, index);
}

void
em_viewer_set_content (EmViewer *self, const EmViewerContent *content)
{
  take_picture (self, &content->picture);
  g_clear_pointer (&self->layers, g_ptr_array_unref);
  if (content->layers)
    self->layers = g_ptr_array_ref (content->layers);
  g_array_set_size (self->marks, 0);
  g_array_set_size (self->prompts, 0);
  for (int i = 0; i < content->n_marks; i++) {
    g_array_append_val (self->marks, content->marks[i]);
    g_array_append_val (self->prompts, content->marks[i].prompt);
  }
  set_rles (self->candidates, NULL, content->candidates, content->n_candidates);
  set_rles (self->masks, content->masks, NULL, content->n_masks);
  g_array_set_size (self->scores, 0);
  if (content->n_candidates > 0)
    g_array_append_vals (self->scores, content->candidate_scores, (guint) content->n_candidates);
  if (self->hovered >= content->n_candidates)
    set_hovered (self, -1);
  queue_all (self);
}

/* Gestures ----------------------------------------------------------------------------------------
 */

static EmScene
scene_now (EmViewer *self, const EmRle **hits)
{
  for (guint i = 0; i < self->masks->len; i++)
    hits[i] = &g_array_index (self->masks, EmRle, i);
  return (EmScene){ .tool = self->tool,
                    .swapped = self->swapped,
                    .width = self->picture.width,
                    .height = self->picture.height,
                    .scale = em_viewport_scale (&self->view),
                    .prompts = (const EmPrompt *) self->prompts->data,
                    .n_prompts = (int) self->prompts->len,
                    .candidates = (const EmRle *) self->candidates->data,
                    .n_candidates = (int) self->candidates->len,
                    .masks = hits,
                    .n_masks = (int) self->masks->len };
}

void
em_viewer_gesture (EmViewer *self, const EmGesture *gesture)
{
  g_autofree const EmRle **hits = g_new0 (const EmRle *, self->masks->len + 1);
  EmScene scene = scene_now (self, hits);
  EmAct act;

  if (self->picture.pixels == NULL)
    return;
  act = em_viewer_act (&scene, gesture);
  if (act.kind != EM_ACT_NONE)
    g_signal_emit (self, signals[ACT], 0, &act);
}

static void
drag_begin_cb (GtkGestureDrag *drag, double x, double y, EmViewer *self)
{
  guint button = gtk_gesture_single_get_current_button (GTK_GESTURE_SINGLE (drag));

  gtk_widget_grab_focus (GTK_WIDGET (self));
  self->pointer_x = self->last_x = x;
  self->pointer_y = self->last_y = y;
  em_viewport_to_picture (&self->view, x, y, &self->press_x, &self->press_y);
  self->is_panning
      = button == EM_BUTTON_MIDDLE
        || (button == EM_BUTTON_PRIMARY && self->tool == EM_TOOL_SELECT && self->prompts->len == 0);
  self->is_dragging = button == EM_BUTTON_PRIMARY;
}

static void
drag_update_cb (GtkGestureDrag *drag, double dx, double dy, EmViewer *self)
{
  double x, y;

  gtk_gesture_drag_get_start_point (drag, &x, &y);
  self->pointer_x = x + dx;
  self->pointer_y = y + dy;
  if (self->is_panning) {
    em_viewport_pan (&self->view, self->pointer_x - self->last_x, self->pointer_y - self->last_y);
    self->last_x = self->pointer_x;
    self->last_y = self->pointer_y;
    g_signal_emit (self, signals[ZOOMED], 0);
    queue_all (self);
  } else {
    gtk_widget_queue_draw (self->marks_area);
  }
}

static void
drag_end_cb (GtkGestureDrag *drag, double dx, double dy, EmViewer *self)
{
  guint button = gtk_gesture_single_get_current_button (GTK_GESTURE_SINGLE (drag));
  GdkModifierType mods = gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (drag));
  EmGesture gesture = { .button = (int) button,
                        .ctrl = (mods & GDK_CONTROL_MASK) != 0,
                        .x0 = self->press_x,
                        .y0 = self->press_y };
  gboolean moved = hypot (dx, dy) > 4;
  double x, y;

  gtk_gesture_drag_get_start_point (drag, &x, &y);
  em_viewport_to_picture (&self->view, x + dx, y + dy, &gesture.x1, &gesture.y1);
  self->is_dragging = FALSE;
  if (!self->is_panning || !moved)
    em_viewer_gesture (self, &gesture);
  self->is_panning = FALSE;
  gtk_widget_queue_draw (self->marks_area);
}

static void
drag_cancel_cb (GtkGesture *gesture, GdkEventSequence *sequence, EmViewer *self)
{
  self->is_dragging = self->is_panning = FALSE;
  gtk_widget_queue_draw (self->marks_area);
}

static void
middle_cb (GtkGestureClick *click, int n_press, double x, double y, EmViewer *self)
{
  if (n_press != 2)
    return;
  if (self->view.zoom > 0)
    em_viewport_fit (&self->view);
  else
    em_viewport_zoom_at (&self->view, 1, x, y);
  g_signal_emit (self, signals[ZOOMED], 0);
  queue_all (self);
}

static void
long_press_cb (GtkGestureLongPress *press, double x, double y, EmViewer *self)
{
  EmGesture gesture = { .button = EM_BUTTON_SECONDARY };

  em_viewport_to_picture (&self->view, x, y, &gesture.x0, &gesture.y0);
  gesture.x1 = gesture.x0;
  gesture.y1 = gesture.y0;
  gtk_gesture_set_state (GTK_GESTURE (press), GTK_EVENT_SEQUENCE_CLAIMED);
  em_viewer_gesture (self, &gesture);
}

static void
motion_cb (GtkEventControllerMotion *motion, double x, double y, EmViewer *self)
{
  double px, py;
  gboolean inside;

  self->has_pointer = TRUE;
  self->pointer_x = x;
  self->pointer_y = y;
  em_viewport_to_picture (&self->view, x, y, &px, &py);
  inside = self->picture.pixels && px >= 0 && py >= 0 && px < self->picture.width
           && py < self->picture.height;
  if (self->candidates->len > 0) {
    g_autofree const EmRle **hits = g_new0 (const EmRle *, self->masks->len + 1);
    EmScene scene = scene_now (self, hits);

    set_hovered (self, em_scene_candidate_at (&scene, px, py));
  }
  g_signal_emit (self, signals[POINTER], 0, px, py, inside);
}

static void
leave_cb (GtkEventControllerMotion *motion, EmViewer *self)
{
  self->has_pointer = FALSE;
  set_hovered (self, -1);
  g_signal_emit (self, signals[POINTER], 0, 0.0, 0.0, FALSE);
}

static gboolean
scroll_cb (GtkEventControllerScroll *scroll, double dx, double dy, EmViewer *self)
{
  GdkModifierType mods
      = gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (scroll));
  gboolean wheel = gtk_event_controller_scroll_get_unit (scroll) == GDK_SCROLL_UNIT_WHEEL;

  if (wheel || (mods & GDK_CONTROL_MASK))
    em_viewport_zoom_at (&self->view,
                         em_viewport_scale (&self->view) * pow (wheel ? 1.2 : 1.01, -dy),
                         self->pointer_x, self->pointer_y);
  else
    em_viewport_pan (&self->view, -dx, -dy);
  g_signal_emit (self, signals[ZOOMED], 0);
  queue_all (self);
  return TRUE;
}

static void
pinch_begin_cb (GtkGesture *gesture, GdkEventSequence *sequence, EmViewer *self)
{
  self->pinch_scale = em_viewport_scale (&self->view);
}

static void
pinch_cb (GtkGestureZoom *zoom, double delta, EmViewer *self)
{
  double x = self->view.view_w / 2, y = self->view.view_h / 2;

  gtk_gesture_get_bounding_box_center (GTK_GESTURE (zoom), &x, &y);
  em_viewport_zoom_at (&self->view, self->pinch_scale * delta, x, y);
  g_signal_emit (self, signals[ZOOMED], 0);
  queue_all (self);
}

static void
add_gestures (EmViewer *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  GtkGesture *drag = gtk_gesture_drag_new (), *middle = gtk_gesture_click_new ();
  GtkGesture *press = gtk_gesture_long_press_new (), *pinch = gtk_gesture_zoom_new ();
  GtkEventController *motion = gtk_event_controller_motion_new ();
  GtkEventController *scroll
      = gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_BOTH_AXES);

  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (drag), 0);
  g_signal_connect (drag, "drag-begin", G_CALLBACK (drag_begin_cb), self);
  g_signal_connect (drag, "drag-update", G_CALLBACK (drag_update_cb), self);
  g_signal_connect (drag, "drag-end", G_CALLBACK (drag_end_cb), self);
  g_signal_connect (drag, "cancel", G_CALLBACK (drag_cancel_cb), self);
  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (middle), EM_BUTTON_MIDDLE);
  g_signal_connect (middle, "pressed", G_CALLBACK (middle_cb), self);
  gtk_gesture_single_set_touch_only (GTK_GESTURE_SINGLE (press), TRUE);
  g_signal_connect (press, "pressed", G_CALLBACK (long_press_cb), self);
  g_signal_connect (pinch, "begin", G_CALLBACK (pinch_begin_cb), self);
  g_signal_connect (pinch, "scale-changed", G_CALLBACK (pinch_cb), self);
  g_signal_connect (motion, "motion", G_CALLBACK (motion_cb), self);
  g_signal_connect (motion, "leave", G_CALLBACK (leave_cb), self);
  g_signal_connect (scroll, "scroll", G_CALLBACK (scroll_cb), self);
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (drag));
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (middle));
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (press));
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (pinch));
  gtk_widget_add_controller (widget, motion);
  gtk_widget_add_controller (widget, scroll);
}

/* Settings ----------------------------------------------------------------------------------------
 */

void
em_viewer_set_tool (EmViewer *self, EmTool tool)
{
  self->tool = tool;
  gtk_widget_set_cursor_from_name (GTK_WIDGET (self),
                                   tool == EM_TOOL_PROMPT ? "crosshair" : "default");
}

EmTool
em_viewer_get_tool (EmViewer *self)
{
  return self->tool;
}

void
em_viewer_set_swapped (EmViewer *self, gboolean swapped)
{
  self->swapped = swapped;
}

gboolean
em_viewer_get_swapped (EmViewer *self)
{
  return self->swapped;
}

void
em_viewer_fit (EmViewer *self)
{
  em_viewport_fit (&self->view);
  g_signal_emit (self, signals[ZOOMED], 0);
  queue_all (self);
}

void
em_viewer_set_zoom (EmViewer *self, double scale)
{
  em_viewport_zoom_at (&self->view, scale, self->view.view_w / 2, self->view.view_h / 2);
  g_signal_emit (self, signals[ZOOMED], 0);
  queue_all (self);
}

void
em_viewer_zoom_step (EmViewer *self, int direction)
{
  em_viewport_zoom_step (&self->view, direction, self->view.view_w / 2, self->view.view_h / 2);
  g_signal_emit (self, signals[ZOOMED], 0);
  queue_all (self);
}

void
em_viewer_show_box (EmViewer *self, EmBox box)
{
  em_viewport_show (&self->view, box);
  g_signal_emit (self, signals[ZOOMED], 0);
  queue_all (self);
}

double
em_viewer_get_scale (EmViewer *self)
{
  return em_viewport_scale (&self->view);
}

gboolean
em_viewer_uses_gl (EmViewer *self)
{
  return !self->is_soft;
}

void
em_viewer_set_crosshair (EmViewer *self, gboolean shown)
{
  if (shown && !self->has_crosshair) {
    self->cross_x = self->picture.width / 2;
    self->cross_y = self->picture.height / 2;
  }
  self->has_crosshair = shown;
  gtk_widget_queue_draw (self->marks_area);
}

gboolean
em_viewer_get_crosshair (EmViewer *self)
{
  return self->has_crosshair;
}

void
em_viewer_move_crosshair (EmViewer *self, int dx, int dy)
{
  self->cross_x = CLAMP (self->cross_x + dx, 0, MAX (self->picture.width - 1, 0));
  self->cross_y = CLAMP (self->cross_y + dy, 0, MAX (self->picture.height - 1, 0));
  gtk_widget_queue_draw (self->marks_area);
  g_signal_emit (self, signals[POINTER], 0, (double) self->cross_x, (double) self->cross_y, TRUE);
}

void
em_viewer_click_crosshair (EmViewer *self, int button)
{
  double x = self->cross_x + 0.5, y = self->cross_y + 0.5;
  EmGesture gesture = { .button = button, .x0 = x, .y0 = y, .x1 = x, .y1 = y };

  em_viewer_gesture (self, &gesture);
}

/* Life --------------------------------------------------------------------------------------------
 */

static void
em_viewer_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  EmViewer *self = EM_VIEWER (widget);

  self->view.view_w = width;
  self->view.view_h = height;
  gtk_widget_allocate (self->area, width, height, baseline, NULL);
  gtk_widget_allocate (self->marks_area, width, height, baseline, NULL);
  g_signal_emit (self, signals[ZOOMED], 0);
}

static void
em_viewer_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                   int *natural, int *minimum_baseline, int *natural_baseline)
{
  *minimum = 120;
  *natural = orientation == GTK_ORIENTATION_HORIZONTAL ? 640 : 360;
}

static void
em_viewer_dispose (GObject *object)
{
  EmViewer *self = EM_VIEWER (object);

  g_clear_pointer (&self->area, gtk_widget_unparent);
  g_clear_pointer (&self->marks_area, gtk_widget_unparent);
  g_clear_pointer (&self->picture.pixels, g_bytes_unref);
  g_clear_pointer (&self->layers, g_ptr_array_unref);
  G_OBJECT_CLASS (em_viewer_parent_class)->dispose (object);
}

static void
em_viewer_finalize (GObject *object)
{
  EmViewer *self = EM_VIEWER (object);

  g_array_unref (self->marks);
  g_array_unref (self->prompts);
  g_array_unref (self->candidates);
  g_array_unref (self->scores);
  g_array_unref (self->masks);
  G_OBJECT_CLASS (em_viewer_parent_class)->finalize (object);
}

static void
em_viewer_class_init (EmViewerClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = em_viewer_dispose;
  G_OBJECT_CLASS (klass)->finalize = em_viewer_finalize;
  widget_class->size_allocate = em_viewer_size_allocate;
  widget_class->measure = em_viewer_measure;
  widget_class->snapshot = em_viewer_snapshot;
  gtk_widget_class_set_css_name (widget_class, "viewer");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  signals[ACT] = g_signal_new ("act", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                               G_TYPE_POINTER);
  signals[POINTER] = g_signal_new ("pointer", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                   G_TYPE_NONE, 3, G_TYPE_DOUBLE, G_TYPE_DOUBLE, G_TYPE_BOOLEAN);
  signals[ZOOMED]
      = g_signal_new ("zoomed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[HOVER_CANDIDATE] = g_signal_new ("hover-candidate", type, G_SIGNAL_RUN_LAST, 0, NULL,
                                           NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT);
}

static void
em_viewer_init (EmViewer *self)
{
  self->hovered = -1;
  self->marks = g_array_new (FALSE, FALSE, sizeof (EmMark));
  self->prompts = g_array_new (FALSE, FALSE, sizeof (EmPrompt));
  self->scores = g_array_new (FALSE, FALSE, sizeof (float));
  self->candidates = g_array_new (FALSE, FALSE, sizeof (EmRle));
  self->masks = g_array_new (FALSE, FALSE, sizeof (EmRle));
  g_array_set_clear_func (self->candidates, clear_rle);
  g_array_set_clear_func (self->masks, clear_rle);

  self->area = gtk_gl_area_new ();
  gtk_gl_area_set_auto_render (GTK_GL_AREA (self->area), FALSE);
  gtk_widget_set_can_target (self->area, FALSE);
  g_signal_connect (self->area, "create-context", G_CALLBACK (create_context_cb), self);
  g_signal_connect (self->area, "realize", G_CALLBACK (realize_cb), self);
  g_signal_connect (self->area, "unrealize", G_CALLBACK (unrealize_cb), self);
  g_signal_connect (self->area, "render", G_CALLBACK (render_cb), self);
  gtk_widget_set_parent (self->area, GTK_WIDGET (self));

  self->marks_area = gtk_drawing_area_new ();
  gtk_widget_set_can_target (self->marks_area, FALSE);
  gtk_drawing_area_set_draw_func (GTK_DRAWING_AREA (self->marks_area), draw_marks_cb, self, NULL);
  gtk_widget_set_parent (self->marks_area, GTK_WIDGET (self));

  gtk_widget_set_focusable (GTK_WIDGET (self), TRUE);
  gtk_widget_set_overflow (GTK_WIDGET (self), GTK_OVERFLOW_HIDDEN);
  gtk_widget_set_hexpand (GTK_WIDGET (self), TRUE);
  gtk_widget_set_vexpand (GTK_WIDGET (self), TRUE);
  add_gestures (self);
  em_viewer_set_tool (self, EM_TOOL_PROMPT);
}

GtkWidget *
em_viewer_new (void)
{
  return g_object_new (EM_TYPE_VIEWER, NULL);
}
