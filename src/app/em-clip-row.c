/* em-clip-row.c - small picture, name, how far it is. */
#include "app/em-clip-row.h"
#include <glib/gi18n.h>

struct _EmClipRow {
  AdwBin parent_instance;
  GtkPicture *picture; /* template children */
  GtkLabel *name, *detail;
  GtkProgressBar *progress;
  GtkImage *state;
  GtkWidget *retry;
  EmProject *project;
  EmQueueItem *item;
};

G_DEFINE_FINAL_TYPE (EmClipRow, em_clip_row, ADW_TYPE_BIN)

static void
show_thumbnail (EmClipRow *self)
{
  GBytes *rgb = em_queue_item_get_thumbnail (self->item);
  g_autoptr (GdkTexture) texture = NULL;

  if (rgb)
    texture = gdk_memory_texture_new (EM_THUMB_WIDTH, EM_THUMB_HEIGHT, GDK_MEMORY_R8G8B8, rgb,
                                      EM_THUMB_WIDTH * 3);
  gtk_picture_set_paintable (self->picture, GDK_PAINTABLE (texture));
}

static void
show_state (EmClipRow *self)
{
  static const char *const icons[EM_N_CLIP_STATES]
      = { [EM_CLIP_TO_DO] = NULL,
          [EM_CLIP_IN_PROGRESS] = "document-edit-symbolic",
          [EM_CLIP_TO_REVIEW] = "emblem-important-symbolic",
          [EM_CLIP_DONE] = "object-select-symbolic",
          [EM_CLIP_PROBLEM] = "dialog-warning-symbolic" };
  const EmDbClip *row = em_queue_item_row (self->item);
  double progress = em_queue_item_get_progress (self->item);
  gboolean is_problem = row->state == EM_CLIP_PROBLEM;

  gtk_label_set_label (self->name, row->name);
  gtk_label_set_label (self->detail, em_queue_item_get_detail (self->item));
  gtk_widget_set_tooltip_text (GTK_WIDGET (self), is_problem ? row->problem : row->hint);
  gtk_image_set_from_icon_name (self->state, icons[row->state]);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->state), em_clip_state_name (row->state));
  gtk_progress_bar_set_fraction (self->progress, progress);
  gtk_widget_set_visible (GTK_WIDGET (self->progress), progress > 0);
  gtk_widget_set_visible (GTK_WIDGET (self->state), !is_problem);
  gtk_widget_set_visible (self->retry, is_problem);
  em_project_want_thumbnail (self->project, self->item);
}

static void
retry_cb (EmClipRow *self)
{
  em_project_retry (self->project, self->item);
}

void
em_clip_row_bind (EmClipRow *self, EmProject *project, EmQueueItem *item)
{
  em_clip_row_unbind (self);
  self->project = g_object_ref (project);
  self->item = g_object_ref (item);
  g_signal_connect_swapped (item, "notify::thumbnail", G_CALLBACK (show_thumbnail), self);
  g_signal_connect_swapped (item, "notify::n-objects", G_CALLBACK (show_state), self);
  show_thumbnail (self);
  show_state (self);
}

void
em_clip_row_unbind (EmClipRow *self)
{
  if (self->item)
    g_signal_handlers_disconnect_by_data (self->item, self);
  g_clear_object (&self->item);
  g_clear_object (&self->project);
}

static void
em_clip_row_dispose (GObject *object)
{
  em_clip_row_unbind (EM_CLIP_ROW (object));
  G_OBJECT_CLASS (em_clip_row_parent_class)->dispose (object);
}

static void
em_clip_row_class_init (EmClipRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = em_clip_row_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/earmark/Earmark/ui/em-clip-row.ui");
  gtk_widget_class_bind_template_child (widget_class, EmClipRow, picture);
  gtk_widget_class_bind_template_child (widget_class, EmClipRow, name);
  gtk_widget_class_bind_template_child (widget_class, EmClipRow, detail);
  gtk_widget_class_bind_template_child (widget_class, EmClipRow, progress);
  gtk_widget_class_bind_template_child (widget_class, EmClipRow, state);
  gtk_widget_class_bind_template_child (widget_class, EmClipRow, retry);
}

static void
em_clip_row_init (EmClipRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect_swapped (self->retry, "clicked", G_CALLBACK (retry_cb), self);
}

GtkWidget *
em_clip_row_new (void)
{
  return g_object_new (EM_TYPE_CLIP_ROW, NULL);
}
