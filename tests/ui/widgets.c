/* widgets.c - each widget alone: the canvas against its twin without GL, pointer to signal, and
 * that everything is given back. */
#include "drive.h"
#include "app/em-chip.h"
#include "app/em-object-pane.h"
#include "app/em-prompt-bar.h"
#include "app/em-timeline.h"
#include <string.h>

#define W 320
#define H 200

static GtkWidget *
in_window (GtkWidget *widget, int width, int height)
{
  GtkWidget *window = gtk_window_new ();

  gtk_window_set_decorated (GTK_WINDOW (window), FALSE);
  gtk_window_set_default_size (GTK_WINDOW (window), width, height);
  gtk_window_set_child (GTK_WINDOW (window), widget);
  gtk_window_present (GTK_WINDOW (window));
  WAIT (gtk_widget_get_mapped (widget));
  return window;
}

static EmPicture
picture (void)
{
  guint8 *rgba = g_malloc (W * H * 4);

  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++) {
      guint8 *p = rgba + (y * W + x) * 4;

      p[0] = (guint8) (x * 255 / W);
      p[1] = (guint8) (y * 255 / H);
      p[2] = (guint8) ((x / 8 + y / 8) % 2 ? 200 : 40);
      p[3] = 255;
    }
  return (EmPicture){ g_bytes_new_take (rgba, W * H * 4), W, H, W * 4 };
}

static EmRle
blob (double cx, double cy, double r)
{
  g_autofree guint8 *pixels = g_malloc0 (W * H);

  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++) {
      double dx = x - cx, dy = y - cy;

      pixels[y * W + x] = dx * dx + dy * dy < r * r && (x / 5 + y / 7) % 6 != 0;
    }
  return em_rle_encode (pixels, W, H);
}

/* The layer's cropped pixels are those of the mask. */
static void
test_layer (void)
{
  for (int i = 0; i < 20; i++) {
    EmRle mask = blob (i * 17 - 10, i * 11 - 10, 5 + i * 4);
    EmLayer *layer = em_layer_new (&mask, 0, EM_PATTERN_PLAIN);
    g_autofree guint8 *pixels = g_malloc (W * H);
    const guint8 *crop = g_bytes_get_data (layer->mask, NULL);
    int64_t n = 0;

    em_rle_decode (&mask, pixels, 255);
    for (int y = 0; y < layer->box.height; y++)
      for (int x = 0; x < layer->box.width; x++) {
        g_assert_cmpint (crop[y * layer->box.width + x], ==,
                         pixels[(y + layer->box.y) * W + x + layer->box.x]);
        n += crop[y * layer->box.width + x] > 0;
      }
    g_assert_cmpint (n, ==, em_rle_area (&mask));
    em_layer_free (layer);
    em_rle_clear (&mask);
  }
}

static void
free_layer (gpointer data)
{
  em_layer_free (data);
}

static GPtrArray *
some_layers (void)
{
  GPtrArray *layers = g_ptr_array_new_with_free_func (free_layer);
  EmRle a = blob (100, 90, 60), b = blob (160, 110, 50), c = blob (310, 190, 40);

  g_ptr_array_add (layers, em_layer_new (&a, 0xE69F00, EM_PATTERN_PLAIN));
  g_ptr_array_add (layers, em_layer_new (&b, 0x0072B2, EM_PATTERN_DIAGONAL));
  g_ptr_array_add (layers, em_layer_new (&c, 0xCC79A7, EM_PATTERN_DOTS));
  ((EmLayer *) layers->pdata[2])->dashed = TRUE;
  em_rle_clear (&a);
  em_rle_clear (&b);
  em_rle_clear (&c);
  return layers;
}

/* How many of a thousand pixels differ visibly between the widget and the painter without GL. */
static int
differing (EmViewer *viewer, const EmPicture *pic, const GPtrArray *layers, double zoom)
{
  EmViewport v = { .view_w = 480, .view_h = 320, .width = W, .height = H };
  g_autofree guint8 *want = g_malloc (480 * 320 * 4), *got = g_malloc (480 * 320 * 4);
  g_autoptr (GdkTexture) shot = NULL;
  int n = 0;

  if (zoom > 0) {
    em_viewer_set_zoom (viewer, zoom);
    em_viewport_zoom_at (&v, zoom, 240, 160);
  } else {
    em_viewer_fit (viewer);
  }
  drive_pause (300);
  shot = drive_shot (GTK_WIDGET (viewer));
  g_assert_cmpint (gdk_texture_get_width (shot), ==, 480);
  gdk_texture_download (shot, got, 480 * 4); /* BGRA in memory */
  em_canvas_paint (&v, pic, layers, want, 480, 320);
  for (int i = 0; i < 480 * 320; i++) {
    int worst = 0;

    for (int c = 0; c < 3; c++)
      worst = MAX (worst, abs (want[i * 4 + c] - got[i * 4 + 2 - c]));
    n += worst > 16;
  }
  return n * 1000 / (480 * 320);
}

static void
test_canvas (void)
{
  EmViewer *viewer = EM_VIEWER (em_viewer_new ());
  GtkWidget *window = in_window (GTK_WIDGET (viewer), 480, 320);
  EmPicture pic = picture ();
  GPtrArray *layers = some_layers (), *fewer;
  EmViewerContent content = { .picture = pic, .layers = layers };

  WAIT (gtk_widget_get_width (GTK_WIDGET (viewer)) == 480);
  em_viewer_set_content (viewer, &content);
  drive_pause (500);
  g_test_message ("painted by %s", em_viewer_uses_gl (viewer) ? "GL" : "software");
  g_assert_cmpint (differing (viewer, &pic, layers, 0), <, 15);
  g_assert_cmpint (differing (viewer, &pic, layers, 1), <, 15);
  /* Edges lie between pixels here: half a device pixel of rounding decides on a line. */
  g_assert_cmpint (differing (viewer, &pic, layers, 6), <, 30);
  /* The measure sees a layer that is not there. */
  fewer = some_layers ();
  g_ptr_array_remove_index (fewer, 0);
  g_assert_cmpint (differing (viewer, &pic, fewer, 1), >, 30);
  g_ptr_array_unref (fewer);
  g_ptr_array_unref (layers);
  g_bytes_unref (pic.pixels);
  g_object_ref (viewer);
  gtk_window_destroy (GTK_WINDOW (window));
  drive_pause (100);
  g_assert_finalize_object (viewer);
}

static void
act_cb (EmViewer *viewer, const EmAct *act, EmAct *out)
{
  *out = *act;
}

static void
test_acts (void)
{
  EmViewer *viewer = EM_VIEWER (em_viewer_new ());
  GtkWidget *window = in_window (GTK_WIDGET (viewer), 480, 320);
  EmPicture pic = picture ();
  EmViewerContent content = { .picture = pic };
  EmAct act = { .kind = EM_ACT_NONE };

  g_signal_connect (viewer, "act", G_CALLBACK (act_cb), &act);
  em_viewer_set_content (viewer, &content);
  em_viewer_set_crosshair (viewer, TRUE); /* keyboard points, from the middle */
  em_viewer_move_crosshair (viewer, 10, -20);
  em_viewer_click_crosshair (viewer, EM_BUTTON_SECONDARY);
  g_assert_cmpint (act.kind, ==, EM_ACT_PROMPT);
  g_assert_cmpint (act.prompt.kind, ==, EM_PROMPT_NEGATIVE);
  g_assert_cmpint ((int) act.prompt.x0, ==, W / 2 + 10);
  g_assert_cmpint ((int) act.prompt.y0, ==, H / 2 - 20);
  em_viewer_move_crosshair (viewer, -5000, 5000); /* stays on the picture */
  em_viewer_click_crosshair (viewer, EM_BUTTON_PRIMARY);
  g_assert_cmpint ((int) act.prompt.x0, ==, 0);
  g_assert_cmpint ((int) act.prompt.y0, ==, H - 1);
  g_bytes_unref (pic.pixels);
  gtk_window_destroy (GTK_WINDOW (window));
}

/* Without a clip every widget is empty, still, and given back. */
static void
test_empty (void)
{
  GType types[] = { EM_TYPE_TIMELINE, EM_TYPE_OBJECT_PANE, EM_TYPE_PROMPT_BAR, EM_TYPE_CHIP };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    GtkWidget *widget = g_object_new (types[i], NULL), *window;

    g_object_ref (widget);
    window = in_window (widget, 500, 300);
    drive_pause (50);
    gtk_window_destroy (GTK_WINDOW (window));
    drive_pause (50);
    g_assert_finalize_object (widget);
  }
}

int
main (int argc, char **argv)
{
  int status;
  EmApplication *app;

  g_test_init (&argc, &argv, NULL);
  app = drive_start (); /* resources, style, icons */
  g_test_add_func ("/widgets/layer", test_layer);
  g_test_add_func ("/widgets/canvas", test_canvas);
  g_test_add_func ("/widgets/acts", test_acts);
  g_test_add_func ("/widgets/empty", test_empty);
  status = g_test_run ();
  drive_stop (app);
  return status;
}
