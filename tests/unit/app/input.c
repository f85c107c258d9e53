/* input.c - gestures, zoom and time, without a display. */
#include "app/time_axis.h"
#include "app/viewer_input.h"
#include "app/viewport.h"
#include "check.h"

static EmViewport
view (void)
{
  return (EmViewport){ .view_w = 800, .view_h = 600, .width = 400, .height = 200 };
}

/* The two planes are each other's inverse, whatever was zoomed and panned before. */
static void
test_planes (void)
{
  uint64_t seed = 1;
  EmViewport v = view ();

  CHECK_NEAR (em_viewport_scale (&v), 2, 1e-12);
  for (int i = 0; i < 500; i++) {
    double x = check_random (&seed) % 800, y = check_random (&seed) % 600, px, py, bx, by;

    switch (check_random (&seed) % 4) {
    case 0:
      em_viewport_zoom_at (&v, 0.3 + check_random (&seed) % 30, x, y);
      break;
    case 1:
      em_viewport_pan (&v, (double) x - 400, (double) y - 300);
      break;
    case 2:
      em_viewport_zoom_step (&v, check_random (&seed) % 2 ? 1 : -1, x, y);
      break;
    default:
      em_viewport_show (&v, (EmBox){ 10, 20, 1 + (int) x / 4, 1 + (int) y / 8 });
    }
    em_viewport_to_picture (&v, x, y, &px, &py);
    em_viewport_to_view (&v, px, py, &bx, &by);
    CHECK_NEAR (bx, x, 1e-6);
    CHECK_NEAR (by, y, 1e-6);
    CHECK (em_viewport_scale (&v) <= EM_ZOOM_MAX);
    /* The middle of the view never leaves the picture. */
    em_viewport_to_picture (&v, 400, 300, &px, &py);
    CHECK (px >= -1e-6 && px <= 400 + 1e-6 && py >= -1e-6 && py <= 200 + 1e-6);
  }
}

static void
test_zoom (void)
{
  EmViewport v = view ();
  double px, py, x, y;

  em_viewport_to_picture (&v, 500, 350, &px, &py);
  em_viewport_zoom_at (&v, 6, 500, 350);
  em_viewport_to_view (&v, px, py, &x, &y); /* what was under the pointer still is */
  CHECK_NEAR (x, 500, 1e-9);
  CHECK_NEAR (y, 350, 1e-9);
  CHECK (em_viewport_is_nearest (&v));
  em_viewport_zoom_step (&v, 1, 400, 300);
  CHECK_NEAR (em_viewport_scale (&v), 8, 1e-9);
  em_viewport_zoom_step (&v, -1, 400, 300);
  em_viewport_zoom_step (&v, -1, 400, 300);
  CHECK_NEAR (em_viewport_scale (&v), 2, 1e-9); /* fit and 200 % are the same here */
  CHECK (!em_viewport_is_nearest (&v));
  em_viewport_zoom_step (&v, -1, 400, 300);
  em_viewport_zoom_step (&v, -1, 400, 300);
  em_viewport_zoom_step (&v, -1, 400, 300);
  CHECK_NEAR (em_viewport_scale (&v), 0.5, 1e-9); /* and no further */
  em_viewport_zoom_at (&v, 1000, 0, 0);
  CHECK_NEAR (em_viewport_scale (&v), 16, 1e-9);
}

static EmRle
square (int x0, int y0, int side)
{
  uint8_t pixels[100 * 80] = { 0 };

  for (int y = y0; y < y0 + side; y++)
    memset (pixels + y * 100 + x0, 1, (size_t) side);
  return em_rle_encode (pixels, 100, 80);
}

static EmGesture
click (int button, double x, double y)
{
  return (EmGesture){ .button = button, .x0 = x, .y0 = y, .x1 = x, .y1 = y };
}

static EmGesture
drag (double x0, double y0, double x1, double y1)
{
  return (EmGesture){ .button = EM_BUTTON_PRIMARY, .x0 = x0, .y0 = y0, .x1 = x1, .y1 = y1 };
}

static EmAct
act (EmScene *scene, EmGesture gesture)
{
  return em_viewer_act (scene, &gesture);
}

static void
test_points (void)
{
  EmScene scene = { .width = 100, .height = 80, .scale = 4 };
  EmAct a = act (&scene, click (EM_BUTTON_PRIMARY, 10.9, 20.1));

  CHECK_INT (a.kind, EM_ACT_PROMPT);
  CHECK_INT (a.prompt.kind, EM_PROMPT_POSITIVE);
  CHECK_NEAR (a.prompt.x0, 10, 0); /* the pixel's integer coordinates */
  CHECK_NEAR (a.prompt.y0, 20, 0);
  CHECK_INT (act (&scene, click (EM_BUTTON_SECONDARY, 1, 1)).prompt.kind, EM_PROMPT_NEGATIVE);
  CHECK_INT (act (&scene, click (EM_BUTTON_MIDDLE, 1, 1)).kind, EM_ACT_NONE);
  CHECK_INT (act (&scene, click (EM_BUTTON_PRIMARY, -0.5, 1)).kind, EM_ACT_NONE);
  CHECK_INT (act (&scene, click (EM_BUTTON_PRIMARY, 100, 1)).kind, EM_ACT_NONE);
  CHECK_INT (act (&scene, click (EM_BUTTON_PRIMARY, 99.9, 79.9)).kind, EM_ACT_PROMPT);
  scene.swapped = true;
  CHECK_INT (act (&scene, click (EM_BUTTON_PRIMARY, 1, 1)).prompt.kind, EM_PROMPT_NEGATIVE);
  CHECK_INT (act (&scene, click (EM_BUTTON_SECONDARY, 1, 1)).prompt.kind, EM_PROMPT_POSITIVE);
  /* A hand that trembles by less than the slop still clicks: 0.9 picture pixels are 3.6 on screen.
   */
  scene.swapped = false;
  CHECK_INT (act (&scene, drag (10, 10, 10.9, 10)).prompt.kind, EM_PROMPT_POSITIVE);
  CHECK_INT (act (&scene, drag (10, 10, 11.1, 10)).kind, EM_ACT_NONE); /* a drag, too small a box */
}

static void
test_boxes (void)
{
  EmScene scene = { .width = 100, .height = 80, .scale = 1 };
  EmAct a = act (&scene, drag (50.5, 60.2, 20.2, 10.7));

  CHECK_INT (a.kind, EM_ACT_PROMPT);
  CHECK_INT (a.prompt.kind, EM_PROMPT_BOX);
  CHECK_NEAR (a.prompt.x0, 20, 0);
  CHECK_NEAR (a.prompt.y0, 10, 0);
  CHECK_NEAR (a.prompt.x1, 51, 0);
  CHECK_NEAR (a.prompt.y1, 61, 0);
  a = act (&scene, drag (-30, -30, 500, 500)); /* clipped to the picture */
  CHECK_NEAR (a.prompt.x0, 0, 0);
  CHECK_NEAR (a.prompt.x1, 100, 0);
  CHECK_NEAR (a.prompt.y1, 80, 0);
  CHECK_INT (act (&scene, drag (110, 10, 150, 60)).kind, EM_ACT_NONE); /* nothing of it is left */
  scene.tool = EM_TOOL_SELECT;
  CHECK_INT (act (&scene, drag (10, 10, 50, 50)).kind, EM_ACT_NONE);
}

static void
test_prompts (void)
{
  EmPrompt prompts[] = { { EM_PROMPT_POSITIVE, 10, 10, 0, 0 },
                         { EM_PROMPT_BOX, 30, 30, 60, 60 },
                         { EM_PROMPT_NEGATIVE, 11, 10, 0, 0 } };
  EmScene scene = { .width = 100, .height = 80, .scale = 4, .prompts = prompts, .n_prompts = 3 };
  EmAct a = act (&scene, click (EM_BUTTON_PRIMARY, 10.4, 10.5));

  CHECK_INT (a.kind, EM_ACT_SELECT_PROMPT);
  CHECK_INT (a.index, 0); /* the nearer of two */
  CHECK_INT (act (&scene, click (EM_BUTTON_PRIMARY, 11.9, 10.5)).index, 2);
  CHECK_INT (act (&scene, click (EM_BUTTON_PRIMARY, 30.5, 45)).index, 1);          /* its line */
  CHECK_INT (act (&scene, click (EM_BUTTON_PRIMARY, 45, 45)).kind, EM_ACT_PROMPT); /* inside */
  CHECK_INT (act (&scene, click (EM_BUTTON_SECONDARY, 10.5, 10.5)).kind,
             EM_ACT_PROMPT); /* negative */
  a = act (&scene, drag (10.5, 10.5, 22.5, 5.5));
  CHECK_INT (a.kind, EM_ACT_MOVE_PROMPT);
  CHECK_NEAR (a.prompt.x0, 22, 0);
  CHECK_NEAR (a.prompt.y0, 5, 0);
  a = act (&scene, drag (30.2, 45, 230, 300)); /* a box keeps its size and stays inside */
  CHECK_INT (a.index, 1);
  CHECK_NEAR (a.prompt.x1, 100, 0);
  CHECK_NEAR (a.prompt.x1 - a.prompt.x0, 30, 0);
  CHECK_NEAR (a.prompt.y1, 80, 0);
}

static void
test_candidates (void)
{
  EmRle candidates[] = { square (10, 10, 20), square (50, 50, 10) };
  EmRle top = square (15, 15, 5), under = square (12, 12, 30);
  const EmRle *masks[] = { &top, &under };
  EmScene scene = { .width = 100,
                    .height = 80,
                    .scale = 2,
                    .candidates = candidates,
                    .n_candidates = 2,
                    .masks = masks,
                    .n_masks = 2 };
  EmGesture ctrl = click (EM_BUTTON_PRIMARY, 55, 55);

  CHECK_INT (act (&scene, click (EM_BUTTON_PRIMARY, 29.9, 10)).kind, EM_ACT_CANDIDATE);
  CHECK_INT (act (&scene, click (EM_BUTTON_PRIMARY, 30, 10)).kind, EM_ACT_PROMPT); /* elsewhere */
  CHECK_INT (act (&scene, click (EM_BUTTON_SECONDARY, 15, 15)).kind, EM_ACT_PROMPT);
  ctrl.ctrl = true;
  CHECK_INT (act (&scene, ctrl).kind, EM_ACT_CANDIDATE_NEW);
  CHECK_INT (act (&scene, ctrl).index, 1);
  scene.n_candidates = 0;
  scene.tool = EM_TOOL_SELECT;
  CHECK_INT (act (&scene, click (EM_BUTTON_PRIMARY, 16, 16)).index, 0); /* the first is on top */
  CHECK_INT (act (&scene, click (EM_BUTTON_PRIMARY, 30, 30)).index, 1);
  CHECK_INT (act (&scene, click (EM_BUTTON_PRIMARY, 90, 70)).index, -1);
  for (int i = 0; i < 2; i++)
    em_rle_clear (&candidates[i]);
  em_rle_clear (&top);
  em_rle_clear (&under);
}

/* Against the dumb twin: the decoded pixels. */
static void
test_holds (void)
{
  uint64_t seed = 9;
  uint8_t pixels[23 * 17], back[23 * 17];

  for (int round = 0; round < 50; round++) {
    EmRle mask;

    for (int i = 0; i < 23 * 17; i++)
      pixels[i] = check_random (&seed) % 100 < (unsigned) round * 2;
    mask = em_rle_encode (pixels, 23, 17);
    em_rle_decode (&mask, back, 1);
    for (int y = -1; y <= 17; y++)
      for (int x = -1; x <= 23; x++) {
        bool want = x >= 0 && y >= 0 && x < 23 && y < 17 && back[y * 23 + x];

        CHECK (em_rle_holds (&mask, x, y) == want);
      }
    em_rle_clear (&mask);
  }
}

static void
test_axis (void)
{
  EmAxis a = { .width = 1000, .duration_ns = 20000000000 };
  char text[32];
  double x;

  CHECK_NEAR (em_axis_to_x (&a, 10000000000), 500, 1e-9);
  CHECK_INT (em_axis_to_time (&a, 250), 5000000000);
  CHECK_INT (em_axis_to_time (&a, -50), 0);
  CHECK_INT (em_axis_to_time (&a, 5000), 19999999999);
  CHECK (!em_axis_reveal (&a, 19000000000));
  x = em_axis_to_x (&a, 7000000000);
  em_axis_zoom (&a, 4, x);
  CHECK_NEAR (em_axis_to_x (&a, 7000000000), x, 1e-6);
  CHECK_NEAR (em_axis_scale (&a), 5e6, 1e-6);
  em_axis_pan (&a, 1e9); /* no further than the end */
  CHECK_NEAR (em_axis_to_x (&a, 20000000000), 1000, 1e-6);
  em_axis_pan (&a, -1e9);
  CHECK_NEAR (a.start_ns, 0, 1e-6);
  CHECK (em_axis_reveal (&a, 12000000000));
  CHECK_NEAR (em_axis_to_x (&a, 12000000000), 100, 1e-6);
  em_axis_zoom (&a, 0.01, 500);
  CHECK_NEAR (a.ns_per_px, 0, 0); /* all of it fits again */
  CHECK_INT (em_axis_tick (&a, 76), 2000000000);
  for (double px = 5; px < 400; px *= 1.3)
    CHECK (em_axis_tick (&a, px) / em_axis_scale (&a) >= px - 1e-9);
  em_time_text (8480999999, 3, text);
  CHECK_TEXT (text, "0:08.480");
  em_time_text (3725000000000, 0, text);
  CHECK_TEXT (text, "1:02:05");
  em_time_text (61990000000, 1, text);
  CHECK_TEXT (text, "1:01.9");
}

CHECK_MAIN (test_planes, test_zoom, test_points, test_boxes, test_prompts, test_candidates,
            test_holds, test_axis)
