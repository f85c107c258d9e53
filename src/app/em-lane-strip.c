/* em-lane-strip.c - lanes, each state in its own shape.
 *
 * Runs are taken from the objects for the frames in view only. Cairo draws them all into one node;
 * it is made anew when lanes or axis change, not when the playhead moves. */
#include "app/em-lane-strip.h"
#include <glib/gi18n.h>
#include <math.h>

#define LANE 24
#define BAR  14 /* a full-height bar */

struct _EmLaneStrip {
  GtkWidget parent_instance;
  EmAxis *axis;
  EmClip *clip;
  GPtrArray *runs; /* child widgets for screen readers, one per run in view */
};

G_DEFINE_FINAL_TYPE (EmLaneStrip, em_lane_strip, GTK_TYPE_WIDGET)

/* Drawing -----------------------------------------------------------------------------------------
 */

static void
set_rgb (cairo_t *cr, guint rgb, double alpha)
{
  cairo_set_source_rgba (cr, (rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0,
                         (rgb & 255) / 255.0, alpha);
}

static void
hatch (cairo_t *cr, double x, double y, double w, double h)
{
  cairo_save (cr);
  cairo_rectangle (cr, x, y, w, h);
  cairo_clip (cr);
  cairo_set_line_width (cr, 1.5);
  for (double at = x - h; at < x + w; at += 5) {
    cairo_move_to (cr, at, y + h);
    cairo_line_to (cr, at + h, y);
  }
  cairo_stroke (cr);
  cairo_restore (cr);
}

/* A white mark with a dark rim, readable on every hue. */
static void
stroke_mark (cairo_t *cr, gboolean filled)
{
  if (filled) {
    cairo_set_source_rgb (cr, 1, 1, 1);
    cairo_fill_preserve (cr);
    cairo_set_source_rgba (cr, 0, 0, 0, 0.7);
    cairo_set_line_width (cr, 1);
    cairo_stroke (cr);
    return;
  }
  cairo_set_source_rgba (cr, 0, 0, 0, 0.7);
  cairo_set_line_width (cr, 4);
  cairo_stroke_preserve (cr);
  cairo_set_source_rgb (cr, 1, 1, 1);
  cairo_set_line_width (cr, 2);
  cairo_stroke (cr);
}

static void
draw_mark (cairo_t *cr, EmState state, double x, double middle, double w)
{
  double at = x + MIN (w / 2, 7);

  cairo_new_path (cr);
  switch (state) {
  case EM_STATE_KEYFRAME:
    cairo_arc (cr, x + w / 2, middle, 4, 0, 2 * G_PI);
    stroke_mark (cr, TRUE);
    break;
  case EM_STATE_CORRECTED:
    cairo_move_to (cr, x + w / 2, middle - 5);
    cairo_line_to (cr, x + w / 2 + 5, middle);
    cairo_line_to (cr, x + w / 2, middle + 5);
    cairo_line_to (cr, x + w / 2 - 5, middle);
    cairo_close_path (cr);
    stroke_mark (cr, TRUE);
    break;
  case EM_STATE_APPROVED:
    cairo_move_to (cr, at - 4, middle);
    cairo_line_to (cr, at - 1, middle + 3);
    cairo_line_to (cr, at + 4, middle - 4);
    stroke_mark (cr, FALSE);
    break;
  case EM_STATE_ABSENT:
    cairo_move_to (cr, at - 3, middle - 3);
    cairo_line_to (cr, at + 3, middle + 3);
    cairo_move_to (cr, at + 3, middle - 3);
    cairo_line_to (cr, at - 3, middle + 3);
    stroke_mark (cr, FALSE);
    break;
  default:
    break;
  }
}

static void
draw_run (cairo_t *cr, const EmRun *run, guint rgb, double x, double w, double middle)
{
  static const double dash[] = { 4, 3 };
  double top = middle - BAR / 2.0;

  set_rgb (cr, rgb, run->rejected ? 0.35 : 1);
  cairo_new_path (cr);
  switch (run->state) {
  case EM_STATE_APPROVED:
  case EM_STATE_CORRECTED:
  case EM_STATE_KEYFRAME:
    cairo_rectangle (cr, x, top, w, BAR);
    if (run->pending) {
      cairo_set_line_width (cr, 1.5);
      cairo_stroke (cr);
    } else {
      cairo_fill (cr);
    }
    break;
  case EM_STATE_ABSENT:
    cairo_rectangle (cr, x, middle - 1, w, 2);
    cairo_fill (cr);
    break;
  case EM_STATE_IMPORTED:
    set_rgb (cr, rgb, 0.35);
    cairo_rectangle (cr, x, top, w, BAR);
    cairo_fill (cr);
    set_rgb (cr, rgb, 1);
    hatch (cr, x, top, w, BAR);
    break;
  case EM_STATE_PROPAGATED:
    if (run->is_empty) {
      cairo_rectangle (cr, x, middle + BAR / 2.0 - 2, w, 2);
      cairo_fill (cr);
    } else if (run->stale) {
      cairo_set_line_width (cr, BAR / 2.0);
      cairo_set_dash (cr, dash, 2, 0);
      cairo_move_to (cr, x, middle + BAR / 4.0);
      cairo_line_to (cr, x + w, middle + BAR / 4.0);
      cairo_stroke (cr);
      cairo_set_dash (cr, NULL, 0, 0);
    } else {
      cairo_rectangle (cr, x, middle, w, BAR / 2.0);
      cairo_fill (cr);
    }
    break;
  default:
    break;
  }
}

static void
frame_span (EmLaneStrip *self, int first, int last, double *x, double *w)
{
  const EmFrame *frames = em_frame_index_frames (em_clip_get_index (self->clip));
  double x0 = em_axis_to_x (self->axis, frames[first].pts_ns);
  double x1 = em_axis_to_x (self->axis, frames[last].pts_ns + frames[last].duration_ns);

  *x = EM_TIMELINE_GUTTER + x0;
  *w = MAX (x1 - x0, 1.5);
}

static void
frames_in_view (EmLaneStrip *self, int *first, int *last)
{
  EmFrameIndex *index = em_clip_get_index (self->clip);

  *first = em_frame_index_at (index, em_axis_to_time (self->axis, 0));
  *last = em_frame_index_at (index, em_axis_to_time (self->axis, self->axis->width));
}

static void
draw_lane (EmLaneStrip *self, cairo_t *cr, EmObject *object, double top)
{
  g_autoptr (GArray) runs = NULL;
  double middle = top + LANE / 2.0;
  int first, last;

  frames_in_view (self, &first, &last);
  runs = em_object_runs (object, first, last);
  for (guint i = 0; i < runs->len; i++) {
    const EmRun *run = &g_array_index (runs, EmRun, i);
    double x, w;

    frame_span (self, run->first, run->last, &x, &w);
    draw_run (cr, run, em_object_get_color (object), x, w, middle);
  }
  for (guint i = 0; i < runs->len; i++) { /* marks lie over the neighbours' bars */
    const EmRun *run = &g_array_index (runs, EmRun, i);
    double x, w;

    frame_span (self, run->first, run->last, &x, &w);
    draw_mark (cr, run->state, x, middle, w);
  }
}

static void
draw_name (EmLaneStrip *self, GtkSnapshot *snapshot, EmObject *object, float top)
{
  g_autoptr (PangoLayout) layout
      = gtk_widget_create_pango_layout (GTK_WIDGET (self), em_object_get_name (object));
  guint rgb = em_object_get_color (object);
  GdkRGBA chip = { (rgb >> 16 & 255) / 255.0f, (rgb >> 8 & 255) / 255.0f, (rgb & 255) / 255.0f, 1 };
  PangoAttrList *attrs = pango_attr_list_new ();
  GskRoundedRect round;
  GdkRGBA color;
  int height;

  gtk_style_context_get_color (gtk_widget_get_style_context (GTK_WIDGET (self)), &color);
  gsk_rounded_rect_init_from_rect (&round, &GRAPHENE_RECT_INIT (12, top + 7, 10, 10), 3);
  gtk_snapshot_push_rounded_clip (snapshot, &round);
  gtk_snapshot_append_color (snapshot, &chip, &round.bounds);
  gtk_snapshot_pop (snapshot);
  pango_attr_list_insert (attrs, pango_attr_scale_new (0.9));
  pango_layout_set_attributes (layout, attrs);
  pango_attr_list_unref (attrs);
  pango_layout_set_width (layout, (EM_TIMELINE_GUTTER - 36) * PANGO_SCALE);
  pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_END);
  pango_layout_get_pixel_size (layout, NULL, &height);
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (28, top + (LANE - height) / 2.0f));
  gtk_snapshot_append_layout (snapshot, layout, &color);
  gtk_snapshot_restore (snapshot);
}

static void
em_lane_strip_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  EmLaneStrip *self = EM_LANE_STRIP (widget);
  int w = gtk_widget_get_width (widget), h = gtk_widget_get_height (widget);
  GListModel *objects;
  cairo_t *cr;
  GdkRGBA fg;

  if (self->clip == NULL || em_clip_get_index (self->clip) == NULL)
    return;
  gtk_style_context_get_color (gtk_widget_get_style_context (widget), &fg);
  objects = em_clip_get_objects (self->clip);
  for (guint i = 0; i < g_list_model_get_n_items (objects); i++) {
    g_autoptr (EmObject) object = g_list_model_get_item (objects, i);
    GdkRGBA shade = fg;

    shade.alpha *= object == em_clip_get_selected (self->clip) ? 0.1f : i % 2 ? 0 : 0.03f;
    gtk_snapshot_append_color (snapshot, &shade,
                               &GRAPHENE_RECT_INIT (0, (float) i * LANE, w, LANE));
    draw_name (self, snapshot, object, (float) i * LANE);
  }
  cr = gtk_snapshot_append_cairo (
      snapshot, &GRAPHENE_RECT_INIT (EM_TIMELINE_GUTTER, 0, w - EM_TIMELINE_GUTTER, h));
  for (guint i = 0; i < g_list_model_get_n_items (objects); i++) {
    g_autoptr (EmObject) object = g_list_model_get_item (objects, i);

    draw_lane (self, cr, object, (double) i * LANE);
  }
  cairo_destroy (cr);
}

/* Screen readers ----------------------------------------------------------------------------------
 */

/* More than these and nobody listens; the object rows carry the counts. */
#define MAX_SPOKEN 64

static void
speak_runs (EmLaneStrip *self)
{
  GListModel *objects = em_clip_get_objects (self->clip);
  guint n = 0;

  for (guint i = 0; i < g_list_model_get_n_items (objects); i++) {
    g_autoptr (EmObject) object = g_list_model_get_item (objects, i);
    g_autoptr (GArray) runs = NULL;
    int first, last;

    frames_in_view (self, &first, &last);
    runs = em_object_runs (object, first, last);
    for (guint k = 0; k < runs->len && n < MAX_SPOKEN; k++, n++) {
      const EmRun *run = &g_array_index (runs, EmRun, k);
      g_autofree char *text = g_strdup_printf (
          _ ("%s, %s%s, frames %d to %d"), em_object_get_name (object), em_state_name (run->state),
          run->stale ? _ (" and stale") : "", run->first, run->last);

      if (n == self->runs->len) {
        GtkWidget *child
            = g_object_new (GTK_TYPE_BOX, "accessible-role", GTK_ACCESSIBLE_ROLE_LIST_ITEM, NULL);

        gtk_widget_set_can_target (child, FALSE);
        gtk_widget_set_parent (child, GTK_WIDGET (self));
        g_ptr_array_add (self->runs, child);
      }
      gtk_accessible_update_property (GTK_ACCESSIBLE (self->runs->pdata[n]),
                                      GTK_ACCESSIBLE_PROPERTY_LABEL, text, -1);
    }
  }
  while (self->runs->len > n)
    gtk_widget_unparent (g_ptr_array_steal_index (self->runs, self->runs->len - 1));
}

/* Input -------------------------------------------------------------------------------------------
 */

static void
pressed_cb (GtkGestureClick *click, int n_press, double x, double y, EmLaneStrip *self)
{
  g_autoptr (EmObject) object = NULL;
  int frame;

  if (self->clip == NULL || em_clip_get_index (self->clip) == NULL)
    return;
  object = g_list_model_get_item (em_clip_get_objects (self->clip), (guint) (y / LANE));
  if (object)
    em_clip_select (self->clip, object);
  if (x < EM_TIMELINE_GUTTER)
    return;
  frame = em_frame_index_at (em_clip_get_index (self->clip),
                             em_axis_to_time (self->axis, x - EM_TIMELINE_GUTTER));
  em_clip_seek (self->clip, frame);
  if (n_press == 2 && object) {
    g_autoptr (GArray) runs = em_object_runs (object, 0, em_object_n_frames (object) - 1);

    for (guint i = 0; i < runs->len; i++) {
      const EmRun *run = &g_array_index (runs, EmRun, i);

      if (run->first <= frame && frame <= run->last)
        em_clip_set_range (self->clip, run->first, run->last);
    }
  }
}

/* Life --------------------------------------------------------------------------------------------
 */

void
em_lane_strip_update (EmLaneStrip *self)
{
  if (self->clip && em_clip_get_index (self->clip))
    speak_runs (self);
  gtk_widget_queue_resize (GTK_WIDGET (self));
}

void
em_lane_strip_set_clip (EmLaneStrip *self, EmClip *clip)
{
  g_set_object (&self->clip, clip);
  em_lane_strip_update (self);
}

static void
em_lane_strip_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                       int *natural, int *minimum_baseline, int *natural_baseline)
{
  EmLaneStrip *self = EM_LANE_STRIP (widget);
  guint n = self->clip ? g_list_model_get_n_items (em_clip_get_objects (self->clip)) : 0;

  if (orientation == GTK_ORIENTATION_HORIZONTAL) {
    *minimum = EM_TIMELINE_GUTTER + 80;
    *natural = 600;
  } else {
    *minimum = *natural = (int) n * LANE;
  }
}

static void
em_lane_strip_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  EmLaneStrip *self = EM_LANE_STRIP (widget);

  for (guint i = 0; i < self->runs->len; i++)
    gtk_widget_allocate (self->runs->pdata[i], 0, 0, -1, NULL);
}

static void
em_lane_strip_dispose (GObject *object)
{
  EmLaneStrip *self = EM_LANE_STRIP (object);

  while (self->runs->len > 0)
    gtk_widget_unparent (g_ptr_array_steal_index (self->runs, self->runs->len - 1));
  g_clear_object (&self->clip);
  G_OBJECT_CLASS (em_lane_strip_parent_class)->dispose (object);
}

static void
em_lane_strip_finalize (GObject *object)
{
  g_ptr_array_unref (EM_LANE_STRIP (object)->runs);
  G_OBJECT_CLASS (em_lane_strip_parent_class)->finalize (object);
}

static void
em_lane_strip_class_init (EmLaneStripClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = em_lane_strip_dispose;
  G_OBJECT_CLASS (klass)->finalize = em_lane_strip_finalize;
  widget_class->measure = em_lane_strip_measure;
  widget_class->size_allocate = em_lane_strip_size_allocate;
  widget_class->snapshot = em_lane_strip_snapshot;
  gtk_widget_class_set_css_name (widget_class, "lanestrip");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_LIST);
}

static void
em_lane_strip_init (EmLaneStrip *self)
{
  GtkGesture *click = gtk_gesture_click_new ();

  self->runs = g_ptr_array_new ();
  g_signal_connect (click, "pressed", G_CALLBACK (pressed_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (click));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Mask lanes"), -1);
}

GtkWidget *
em_lane_strip_new (EmAxis *axis)
{
  EmLaneStrip *self = g_object_new (EM_TYPE_LANE_STRIP, NULL);

  self->axis = axis;
  return GTK_WIDGET (self);
}
