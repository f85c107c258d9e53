/* em-job-row.c - title, bar, how far, Cancel. */
#include "app/em-job-row.h"

struct _EmJobRow {
  GtkListBoxRow parent_instance;
  GtkLabel *title, *detail; /* template children */
  GtkProgressBar *bar;
  GtkWidget *cancel;
  EmJob *job;
};

G_DEFINE_FINAL_TYPE (EmJobRow, em_job_row, GTK_TYPE_LIST_BOX_ROW)

static void
update (EmJobRow *self)
{
  double fraction = em_job_get_fraction (self->job);

  if (fraction < 0)
    gtk_progress_bar_pulse (self->bar);
  else
    gtk_progress_bar_set_fraction (self->bar, fraction);
}

static void
em_job_row_dispose (GObject *object)
{
  EmJobRow *self = EM_JOB_ROW (object);

  if (self->job)
    g_signal_handlers_disconnect_by_data (self->job, self);
  g_clear_object (&self->job);
  G_OBJECT_CLASS (em_job_row_parent_class)->dispose (object);
}

static void
em_job_row_class_init (EmJobRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = em_job_row_dispose;
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/earmark/Earmark/ui/em-job-row.ui");
  gtk_widget_class_bind_template_child (widget_class, EmJobRow, title);
  gtk_widget_class_bind_template_child (widget_class, EmJobRow, detail);
  gtk_widget_class_bind_template_child (widget_class, EmJobRow, bar);
  gtk_widget_class_bind_template_child (widget_class, EmJobRow, cancel);
}

static void
em_job_row_init (EmJobRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
em_job_row_new (EmJob *job)
{
  EmJobRow *self = g_object_new (EM_TYPE_JOB_ROW, NULL);

  self->job = g_object_ref (job);
  gtk_label_set_label (self->title, em_job_get_title (job));
  g_object_bind_property (job, "detail", self->detail, "label", G_BINDING_SYNC_CREATE);
  g_signal_connect_swapped (job, "notify::fraction", G_CALLBACK (update), self);
  g_signal_connect_swapped (self->cancel, "clicked", G_CALLBACK (em_job_cancel), job);
  update (self);
  return GTK_WIDGET (self);
}
