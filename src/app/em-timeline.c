/* em-timeline.c - strips below, playhead above, one axis for all. */
#include "app/em-timeline.h"
#include "app/em-lane-strip.h"
#include "app/em-sound-strip.h"
#include <glib/gi18n.h>
#include <math.h>

struct _EmTimeline {
  GtkWidget parent_instance;
  EmAxis axis;
  EmClip *clip;
  GtkWidget *box, *playhead;
  EmSoundStrip *sound;
  EmLaneStrip *lanes;
};

G_DEFINE_FINAL_TYPE (EmTimeline, em_timeline, GTK_TYPE_WIDGET)

static void
draw_playhead_cb (GtkDrawingArea *area, cairo_t *cr, int width, int height, gpointer data)
{
  EmTimeline *self = data;
  double x;

  if (self->clip == NULL || em_clip_get_index (self->clip) == NULL)
    return;
  x = floor (em_axis_to_x (&self->axis, em_clip_get_position (self->clip))) + EM_TIMELINE_GUTTER;
  if (x < EM_TIMELINE_GUTTER || x > width)
    return;
  cairo_set_source_rgb (cr, 0.878, 0.106, 0.141);
  cairo_rectangle (cr, x, 0, 1.5, height);
  cairo_fill (cr);
  cairo_move_to (cr, x - 5, 0);
  cairo_line_to (cr, x + 6.5, 0);
  cairo_line_to (cr, x + 0.75, 8);
  cairo_close_path (cr);
  cairo_fill (cr);
}

static void
update (EmTimeline *self)
{
  em_sound_strip_update (self->sound);
  em_lane_strip_update (self->lanes);
  gtk_widget_queue_draw (self->playhead);
}

static void
frame_cb (EmTimeline *self)
{
  if (em_axis_reveal (&self->axis, em_clip_get_position (self->clip)))
    update (self);
  gtk_widget_queue_draw (self->playhead);
}

static void
lanes_cb (EmTimeline *self)
{
  em_lane_strip_update (self->lanes);
  gtk_widget_queue_draw (GTK_WIDGET (self->sound)); /* grid points and range */
}

static void
status_cb (EmTimeline *self)
{
  self->axis.duration_ns = em_clip_get_duration (self->clip);
  em_axis_fit (&self->axis);
  update (self);
}

static void
selected_cb (EmTimeline *self)
{
  gtk_widget_queue_draw (GTK_WIDGET (self->lanes));
}

static void
waveform_cb (EmTimeline *self)
{
  em_sound_strip_update (self->sound);
}

void
em_timeline_set_clip (EmTimeline *self, EmClip *clip)
{
  if (self->clip)
    g_signal_handlers_disconnect_by_data (self->clip, self);
  g_set_object (&self->clip, clip);
  em_sound_strip_set_clip (self->sound, clip);
  em_lane_strip_set_clip (self->lanes, clip);
  if (clip) {
    g_signal_connect_swapped (clip, "notify::frame", G_CALLBACK (frame_cb), self);
    g_signal_connect_swapped (clip, "notify::status", G_CALLBACK (status_cb), self);
    g_signal_connect_swapped (clip, "notify::selected", G_CALLBACK (selected_cb), self);
    g_signal_connect_swapped (clip, "lanes-changed", G_CALLBACK (lanes_cb), self);
    g_signal_connect_swapped (clip, "waveform", G_CALLBACK (waveform_cb), self);
    status_cb (self);
  } else {
    update (self);
  }
}

void
em_timeline_set_spectrogram (EmTimeline *self, gboolean shown)
{
  em_sound_strip_set_spectrogram (self->sound, shown);
}

void
em_timeline_highlight_second (EmTimeline *self, int second)
{
  em_sound_strip_set_second (self->sound, second);
}

void
em_timeline_zoom (EmTimeline *self, double factor)
{
  if (factor <= 0)
    em_axis_fit (&self->axis);
  else if (self->clip)
    em_axis_zoom (
        &self->axis, factor,
        CLAMP (em_axis_to_x (&self->axis, em_clip_get_position (self->clip)), 0, self->axis.width));
  update (self);
}

static gboolean
scroll_cb (GtkEventControllerScroll *scroll, double dx, double dy, EmTimeline *self)
{
  GdkModifierType mods
      = gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (scroll));
  gboolean wheel = gtk_event_controller_scroll_get_unit (scroll) == GDK_SCROLL_UNIT_WHEEL;

  if (mods & GDK_CONTROL_MASK) {
    em_timeline_zoom (self, pow (wheel ? 1.3 : 1.02, -dy));
    return TRUE;
  }
  if (self->axis.ns_per_px <= 0)
    return FALSE; /* nothing to pan: the lanes may scroll */
  em_axis_pan (&self->axis, (dx + dy) * (wheel ? 60 : 1));
  update (self);
  return TRUE;
}

static void
em_timeline_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  EmTimeline *self = EM_TIMELINE (widget);
  double old = self->axis.width;

  self->axis.width = MAX (width - EM_TIMELINE_GUTTER - 8, 1);
  gtk_widget_allocate (self->box, width, height, baseline, NULL);
  gtk_widget_allocate (self->playhead, width, height, baseline, NULL);
  if (old != self->axis.width)
    em_sound_strip_update (self->sound);
}

static void
em_timeline_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                     int *natural, int *minimum_baseline, int *natural_baseline)
{
  gtk_widget_measure (EM_TIMELINE (widget)->box, orientation, for_size, minimum, natural,
                      minimum_baseline, natural_baseline);
}

static void
em_timeline_dispose (GObject *object)
{
  EmTimeline *self = EM_TIMELINE (object);

  if (self->clip)
    g_signal_handlers_disconnect_by_data (self->clip, self);
  g_clear_object (&self->clip);
  g_clear_pointer (&self->playhead, gtk_widget_unparent);
  g_clear_pointer (&self->box, gtk_widget_unparent);
  G_OBJECT_CLASS (em_timeline_parent_class)->dispose (object);
}

static void
em_timeline_class_init (EmTimelineClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = em_timeline_dispose;
  widget_class->size_allocate = em_timeline_size_allocate;
  widget_class->measure = em_timeline_measure;
  gtk_widget_class_set_css_name (widget_class, "timeline");
}

static void
em_timeline_init (EmTimeline *self)
{
  GtkEventController *scroll
      = gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_BOTH_AXES);
  GtkWidget *scroller = gtk_scrolled_window_new ();

  self->sound = EM_SOUND_STRIP (em_sound_strip_new (&self->axis));
  self->lanes = EM_LANE_STRIP (em_lane_strip_new (&self->axis));
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER,
                                  GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), GTK_WIDGET (self->lanes));
  gtk_widget_set_vexpand (scroller, TRUE);
  self->box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  gtk_box_append (GTK_BOX (self->box), GTK_WIDGET (self->sound));
  gtk_box_append (GTK_BOX (self->box), scroller);
  gtk_widget_set_parent (self->box, GTK_WIDGET (self));
  self->playhead = gtk_drawing_area_new ();
  gtk_widget_set_can_target (self->playhead, FALSE);
  gtk_drawing_area_set_draw_func (GTK_DRAWING_AREA (self->playhead), draw_playhead_cb, self, NULL);
  gtk_widget_set_parent (self->playhead, GTK_WIDGET (self));
  gtk_widget_set_overflow (GTK_WIDGET (self), GTK_OVERFLOW_HIDDEN);
  gtk_widget_set_direction (GTK_WIDGET (self), GTK_TEXT_DIR_LTR);

  gtk_event_controller_set_propagation_phase (scroll, GTK_PHASE_CAPTURE);
  g_signal_connect (scroll, "scroll", G_CALLBACK (scroll_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), scroll);
}

GtkWidget *
em_timeline_new (void)
{
  return g_object_new (EM_TYPE_TIMELINE, NULL);
}
