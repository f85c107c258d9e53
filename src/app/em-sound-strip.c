/* em-sound-strip.c - what is heard, drawn.
 *
 * The waveform is a texture made when axis, size or sound change; the spectrogram is computed on a
 * worker for exactly the columns in view and swapped in when it is done. */
#include "app/em-sound-strip.h"
#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

#define RULER    26
#define WAVE     52
#define SPECTRUM 52
#define SECOND   G_GINT64_CONSTANT (1000000000)

struct _EmSoundStrip {
  GtkWidget parent_instance;
  EmAxis *axis;
  EmClip *clip;
  gboolean has_spectrogram;
  int second; /* highlighted, -1: none */
  GdkTexture *wave, *spectrum;
  EmAxis spectrum_axis; /* what the texture shows */
  GCancellable *spectrum_job;
  int anchor_frame; /* of a range drag */
  gboolean is_scrubbing;
};

G_DEFINE_FINAL_TYPE (EmSoundStrip, em_sound_strip, GTK_TYPE_WIDGET)

/* Textures ----------------------------------------------------------------------------------------
 */

static void
foreground (EmSoundStrip *self, GdkRGBA *color, float alpha)
{
  gtk_style_context_get_color (gtk_widget_get_style_context (GTK_WIDGET (self)), color);
  color->alpha *= alpha;
}

static GdkTexture *
draw_wave (EmSoundStrip *self)
{
  int w = (int) self->axis->width, h = WAVE;
  EmAudio *audio = em_clip_get_audio (self->clip);
  g_autofree float *low = g_new (float, MAX (w, 1)), *high = g_new (float, MAX (w, 1));
  g_autoptr (GBytes) bytes = NULL;
  int64_t from = (int64_t) self->axis->start_ns;
  int64_t to = (int64_t) (self->axis->start_ns + w * em_axis_scale (self->axis));
  float least, most, gain;
  guint8 *pixels;
  GdkRGBA color;

  if (w < 1 || audio == NULL || !em_audio_has_sound (audio))
    return NULL;
  em_audio_peaks (audio, -1, 0, em_clip_get_duration (self->clip), 1, &least, &most);
  gain = 0.95f / CLAMP (MAX (most, -least), 0.05f, 0.95f); /* a quiet clip fills its strip too */
  em_audio_peaks (audio, -1, from, to, w, low, high);
  foreground (self, &color, 0.75f);
  pixels = g_malloc0 ((gsize) w * h * 4);
  for (int x = 0; x < w; x++) {
    int top = (int) floorf ((1 - gain * high[x]) * (h - 1) / 2 + 0.5f);
    int bottom = (int) ceilf ((1 - gain * low[x]) * (h - 1) / 2 - 0.5f);

    top = CLAMP (top, 0, h - 1);
    bottom = CLAMP (bottom, top, h - 1);
    for (int y = top; y <= bottom; y++) {
      guint8 *p = pixels + ((gsize) y * w + x) * 4;

      p[0] = (guint8) (255 * color.red * color.alpha);
      p[1] = (guint8) (255 * color.green * color.alpha);
      p[2] = (guint8) (255 * color.blue * color.alpha);
      p[3] = (guint8) (255 * color.alpha);
    }
  }
  bytes = g_bytes_new_take (pixels, (gsize) w * h * 4);
  return gdk_memory_texture_new (w, h, GDK_MEMORY_R8G8B8A8_PREMULTIPLIED, bytes, (gsize) w * 4);
}

typedef struct {
  EmAudio *audio;
  EmAxis axis;
} Spectrum;

static void
spectrum_free (gpointer data)
{
  Spectrum *s = data;

  g_object_unref (s->audio);
  g_free (s);
}

/* Dark to bright through one hue and then another: loudness stays ordered without colour vision. */
static void
heat (guint8 v, guint8 *p)
{
  float x = v / 255.0f;
  float r = CLAMP (2.6f * x - 0.9f, 0, 1), g = CLAMP (1.9f * x - 0.55f, 0, 1);
  float b = x < 0.5f ? 0.12f + 0.9f * x
                     : CLAMP (0.57f - 1.3f * (x - 0.5f) + 1.6f * MAX (x - 0.75f, 0), 0, 1);

  p[0] = (guint8) (255 * r);
  p[1] = (guint8) (255 * g);
  p[2] = (guint8) (255 * b);
  p[3] = 255;
}

static void
spectrum_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Spectrum *s = data;
  int w = (int) s->axis.width, h = SPECTRUM;
  g_autofree guint8 *values = g_malloc ((gsize) w * h);
  guint8 *pixels = g_malloc ((gsize) w * h * 4);

  em_audio_spectrogram (s->audio, EM_SPECTRUM_MEL, 2048, -1, (int64_t) s->axis.start_ns,
                        (int64_t) (s->axis.start_ns + w * em_axis_scale (&s->axis)), w, h, values);
  for (gsize i = 0; i < (gsize) w * h; i++)
    heat (values[i], pixels + i * 4);
  g_task_return_pointer (task, g_bytes_new_take (pixels, (gsize) w * h * 4),
                         (GDestroyNotify) g_bytes_unref);
}

static void
spectrum_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  EmSoundStrip *self = EM_SOUND_STRIP (source);
  const Spectrum *s = g_task_get_task_data (G_TASK (result));
  g_autoptr (GBytes) bytes = g_task_propagate_pointer (G_TASK (result), NULL);
  int w = (int) s->axis.width;

  if (bytes == NULL)
    return;
  g_clear_object (&self->spectrum);
  self->spectrum = gdk_memory_texture_new (w, SPECTRUM, GDK_MEMORY_R8G8B8A8, bytes, (gsize) w * 4);
  self->spectrum_axis = s->axis;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
ask_spectrum (EmSoundStrip *self)
{
  EmAudio *audio = self->clip ? em_clip_get_audio (self->clip) : NULL;
  g_autoptr (GTask) task = NULL;
  Spectrum *s;

  g_cancellable_cancel (self->spectrum_job);
  g_clear_object (&self->spectrum_job);
  if (!self->has_spectrogram || audio == NULL || !em_audio_has_sound (audio)
      || self->axis->width < 1)
    return;
  s = g_new0 (Spectrum, 1);
  s->audio = g_object_ref (audio);
  s->axis = *self->axis;
  self->spectrum_job = g_cancellable_new ();
  task = g_task_new (self, self->spectrum_job, spectrum_cb, NULL);
  g_task_set_task_data (task, s, spectrum_free);
  g_task_run_in_thread (task, spectrum_thread);
}

/* Drawing -----------------------------------------------------------------------------------------
 */

static void
draw_text (EmSoundStrip *self, GtkSnapshot *snapshot, const char *text, float x, float y,
           float alpha, gboolean is_small)
{
  g_autoptr (PangoLayout) layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), text);
  PangoAttrList *attrs = pango_attr_list_new ();
  GdkRGBA color;

  foreground (self, &color, alpha);
  pango_attr_list_insert (attrs, pango_attr_scale_new (is_small ? 0.8 : 0.9));
  pango_attr_list_insert (attrs, pango_attr_font_features_new ("tnum=1"));
  pango_layout_set_attributes (layout, attrs);
  pango_attr_list_unref (attrs);
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (x, y));
  gtk_snapshot_append_layout (snapshot, layout, &color);
  gtk_snapshot_restore (snapshot);
}

static void
draw_ticks (EmSoundStrip *self, GtkSnapshot *snapshot)
{
  int64_t step = em_axis_tick (self->axis, 76), fine = em_axis_tick (self->axis, 12);
  int64_t from = (int64_t) self->axis->start_ns, duration = self->axis->duration_ns;
  int digits = step >= SECOND ? 0 : step >= SECOND / 10 ? 1 : step >= SECOND / 100 ? 2 : 3;
  GdkRGBA color;

  foreground (self, &color, 0.3f);
  for (int64_t t = from / fine * fine; t < duration; t += fine) {
    double x = em_axis_to_x (self->axis, t);

    if (x > self->axis->width)
      break;
    if (x >= 0)
      gtk_snapshot_append_color (
          snapshot, &color,
          &GRAPHENE_RECT_INIT ((float) (EM_TIMELINE_GUTTER + floor (x)), RULER - 5, 1, 5));
  }
  foreground (self, &color, 0.5f);
  for (int64_t t = from / step * step; t < duration; t += step) {
    double x = em_axis_to_x (self->axis, t);
    char text[32];

    if (x > self->axis->width)
      break;
    if (x < 0)
      continue;
    em_time_text (t, digits, text);
    gtk_snapshot_append_color (
        snapshot, &color,
        &GRAPHENE_RECT_INIT ((float) (EM_TIMELINE_GUTTER + floor (x)), RULER - 10, 1, 10));
    draw_text (self, snapshot, text, (float) (EM_TIMELINE_GUTTER + floor (x) + 4), 2, 0.7f, TRUE);
  }
}

/* Grid points: hollow while undecided, filled when something was decided there. */
static void
draw_grid (EmSoundStrip *self, GtkSnapshot *snapshot, int width)
{
  EmFrameIndex *index = em_clip_get_index (self->clip);
  int n;
  const int *grid = em_clip_get_grid (self->clip, &n);
  cairo_t *cr;
  GdkRGBA color;

  if (n == 0 || index == NULL || em_axis_scale (self->axis) * 5 > SECOND)
    return;
  cr = gtk_snapshot_append_cairo (snapshot, &GRAPHENE_RECT_INIT (0, 0, width, RULER));
  foreground (self, &color, 0.8f);
  gdk_cairo_set_source_rgba (cr, &color);
  cairo_set_line_width (cr, 1);
  for (int i = 0; i < n; i++) {
    double x = em_axis_to_x (self->axis, em_frame_index_pts (index, grid[i])) + EM_TIMELINE_GUTTER;
    int state = em_clip_proposal_state (self->clip, i);

    if (x < EM_TIMELINE_GUTTER - 3 || x > width)
      continue;
    cairo_new_path (cr);
    cairo_move_to (cr, x, RULER - 8);
    cairo_line_to (cr, x + 3.5, RULER - 4.5);
    cairo_line_to (cr, x, RULER - 1);
    cairo_line_to (cr, x - 3.5, RULER - 4.5);
    cairo_close_path (cr);
    if (state == 3) {
      cairo_fill_preserve (cr);
    } else if (state == 2) {
      cairo_save (cr);
      cairo_set_source_rgb (cr, 0.902, 0.624, 0);
      cairo_fill_preserve (cr);
      cairo_restore (cr);
    }
    cairo_stroke (cr);
  }
  cairo_destroy (cr);
}

static void
draw_span (EmSoundStrip *self, GtkSnapshot *snapshot, int64_t from, int64_t to, float y, float h,
           const GdkRGBA *color)
{
  double x0 = MAX (em_axis_to_x (self->axis, from), 0);
  double x1 = MIN (em_axis_to_x (self->axis, to), self->axis->width);

  if (x1 > x0)
    gtk_snapshot_append_color (
        snapshot, color,
        &GRAPHENE_RECT_INIT ((float) (EM_TIMELINE_GUTTER + x0), y, (float) (x1 - x0), h));
}

static void
draw_range (EmSoundStrip *self, GtkSnapshot *snapshot, int height)
{
  EmFrameIndex *index = em_clip_get_index (self->clip);
  GdkRGBA blue = { 0.21f, 0.52f, 0.89f, 0.22f }, amber = { 0.9f, 0.62f, 0, 0.25f };
  int first, last;

  if (index == NULL)
    return;
  if (em_clip_get_range (self->clip, &first, &last))
    draw_span (self, snapshot, em_frame_index_pts (index, first),
               em_frame_index_pts (index, last) + em_frame_index_frames (index)[last].duration_ns,
               0, height, &blue);
  if (self->second >= 0)
    draw_span (self, snapshot, self->second * SECOND, (self->second + 1) * SECOND, RULER,
               height - RULER, &amber);
}

static void
draw_spectrum (EmSoundStrip *self, GtkSnapshot *snapshot)
{
  const EmAxis *of = &self->spectrum_axis;
  double x0, x1;

  if (self->spectrum == NULL)
    return;
  x0 = em_axis_to_x (self->axis, (int64_t) of->start_ns); /* stretched until the new one is there */
  x1 = em_axis_to_x (self->axis, (int64_t) (of->start_ns + of->width * em_axis_scale (of)));
  gtk_snapshot_push_clip (snapshot, &GRAPHENE_RECT_INIT (EM_TIMELINE_GUTTER, RULER + WAVE,
                                                         (float) self->axis->width, SPECTRUM));
  gtk_snapshot_append_texture (snapshot, self->spectrum,
                               &GRAPHENE_RECT_INIT ((float) (EM_TIMELINE_GUTTER + x0), RULER + WAVE,
                                                    (float) (x1 - x0), SPECTRUM));
  gtk_snapshot_pop (snapshot);
}

static void
em_sound_strip_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  EmSoundStrip *self = EM_SOUND_STRIP (widget);
  int w = gtk_widget_get_width (widget), h = gtk_widget_get_height (widget);
  EmAudio *audio = self->clip ? em_clip_get_audio (self->clip) : NULL;
  GdkRGBA color;

  if (self->clip == NULL || em_clip_get_index (self->clip) == NULL)
    return;
  draw_range (self, snapshot, h);
  draw_ticks (self, snapshot);
  draw_grid (self, snapshot, w);
  foreground (self, &color, 0.12f);
  gtk_snapshot_append_color (snapshot, &color, &GRAPHENE_RECT_INIT (0, RULER, w, 1));
  if (audio && em_audio_has_sound (audio)) {
    if (self->wave == NULL)
      self->wave = draw_wave (self);
    if (self->wave)
      gtk_snapshot_append_texture (
          snapshot, self->wave,
          &GRAPHENE_RECT_INIT (EM_TIMELINE_GUTTER, RULER, (float) self->axis->width, WAVE));
    if (self->has_spectrogram)
      draw_spectrum (self, snapshot);
    draw_text (self, snapshot, _ ("Sound"), 12, RULER + WAVE / 2 - 8, 0.8f, FALSE);
    if (self->has_spectrogram)
      draw_text (self, snapshot, _ ("Pitch"), 12, RULER + WAVE + SPECTRUM / 2 - 8, 0.8f, FALSE);
  } else {
    foreground (self, &color, 0.3f);
    gtk_snapshot_append_color (
        snapshot, &color,
        &GRAPHENE_RECT_INIT (EM_TIMELINE_GUTTER, RULER + WAVE / 2, (float) self->axis->width, 1));
    draw_text (self, snapshot,
               audio || em_clip_get_status (self->clip) != EM_CLIP_READY
                   ? _ ("No sound in this clip")
                   : _ ("Loading sound…"),
               EM_TIMELINE_GUTTER + 12, RULER + WAVE / 2 + 4, 0.6f, FALSE);
    draw_text (self, snapshot, _ ("Sound"), 12, RULER + WAVE / 2 - 8, 0.8f, FALSE);
  }
}

/* Input -------------------------------------------------------------------------------------------
 */

static int
frame_at (EmSoundStrip *self, double x)
{
  return em_frame_index_at (em_clip_get_index (self->clip),
                            em_axis_to_time (self->axis, x - EM_TIMELINE_GUTTER));
}

static void
drag_begin_cb (GtkGestureDrag *drag, double x, double y, EmSoundStrip *self)
{
  if (self->clip == NULL || em_clip_get_index (self->clip) == NULL || x < EM_TIMELINE_GUTTER) {
    gtk_gesture_set_state (GTK_GESTURE (drag), GTK_EVENT_SEQUENCE_DENIED);
    return;
  }
  self->is_scrubbing = y < RULER;
  self->anchor_frame = frame_at (self, x);
  em_clip_seek (self->clip, self->anchor_frame);
}

static void
drag_update_cb (GtkGestureDrag *drag, double dx, double dy, EmSoundStrip *self)
{
  double x, y;
  int frame;

  gtk_gesture_drag_get_start_point (drag, &x, &y);
  if (fabs (dx) < 4)
    return;
  frame = frame_at (self, x + dx);
  if (!self->is_scrubbing)
    em_clip_set_range (self->clip, self->anchor_frame, frame);
  em_clip_seek (self->clip, frame);
}

/* Life --------------------------------------------------------------------------------------------
 */

void
em_sound_strip_update (EmSoundStrip *self)
{
  g_clear_object (&self->wave);
  ask_spectrum (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
em_sound_strip_set_clip (EmSoundStrip *self, EmClip *clip)
{
  g_set_object (&self->clip, clip);
  self->second = -1;
  g_clear_object (&self->spectrum);
  em_sound_strip_update (self);
}

void
em_sound_strip_set_spectrogram (EmSoundStrip *self, gboolean shown)
{
  if (self->has_spectrogram == shown)
    return;
  self->has_spectrogram = shown;
  ask_spectrum (self);
  gtk_widget_queue_resize (GTK_WIDGET (self));
}

void
em_sound_strip_set_second (EmSoundStrip *self, int second)
{
  if (self->second == second)
    return;
  self->second = second;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
em_sound_strip_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                        int *natural, int *minimum_baseline, int *natural_baseline)
{
  EmSoundStrip *self = EM_SOUND_STRIP (widget);

  if (orientation == GTK_ORIENTATION_HORIZONTAL) {
    *minimum = EM_TIMELINE_GUTTER + 80;
    *natural = 600;
  } else {
    *minimum = *natural = RULER + WAVE + (self->has_spectrogram ? SPECTRUM : 0);
  }
}

static void
em_sound_strip_css_changed (GtkWidget *widget, GtkCssStyleChange *change)
{
  GTK_WIDGET_CLASS (em_sound_strip_parent_class)->css_changed (widget, change);
  g_clear_object (&EM_SOUND_STRIP (widget)->wave); /* its colour is the text's */
}

static void
em_sound_strip_dispose (GObject *object)
{
  EmSoundStrip *self = EM_SOUND_STRIP (object);

  g_cancellable_cancel (self->spectrum_job);
  g_clear_object (&self->spectrum_job);
  g_clear_object (&self->wave);
  g_clear_object (&self->spectrum);
  g_clear_object (&self->clip);
  G_OBJECT_CLASS (em_sound_strip_parent_class)->dispose (object);
}

static void
em_sound_strip_class_init (EmSoundStripClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = em_sound_strip_dispose;
  widget_class->measure = em_sound_strip_measure;
  widget_class->snapshot = em_sound_strip_snapshot;
  widget_class->css_changed = em_sound_strip_css_changed;
  gtk_widget_class_set_css_name (widget_class, "soundstrip");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
}

static void
em_sound_strip_init (EmSoundStrip *self)
{
  GtkGesture *drag = gtk_gesture_drag_new ();

  self->second = -1;
  self->has_spectrogram = TRUE;
  g_signal_connect (drag, "drag-begin", G_CALLBACK (drag_begin_cb), self);
  g_signal_connect (drag, "drag-update", G_CALLBACK (drag_update_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (drag));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Waveform and spectrogram"), -1);
}

GtkWidget *
em_sound_strip_new (EmAxis *axis)
{
  EmSoundStrip *self = g_object_new (EM_TYPE_SOUND_STRIP, NULL);

  self->axis = axis;
  return GTK_WIDGET (self);
}
