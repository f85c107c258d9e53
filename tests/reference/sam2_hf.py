"""SAM 2 as Hugging Face transformers implements it, driven by the steps of em-dump (em_dump.c).

parity.py and speed.py give the same steps to em-dump (class Engine) and to transformers (class
Reference) and compare what comes out. Run as a program it is a worker that answers steps from stdin
like em-dump does, so that each side's memory is that of its own process:

    python sam2_hf.py --model DIR --inputs FILE [--threads 2] [--dtype float32] [--device cpu]
                      [--compile MODE] < STEPS

Where transformers differs from the original code (facebookresearch/sam2), class Original follows
the original, by calling transformers' own parts otherwise; each of its methods says how. What is
left as it is there and not compared: a second prompt on the frame of the first prompt after a pass
(transformers takes it for a first one), and a limit on conditioning frames (transformers keeps the
pointers of those that were not chosen).
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from torch.utils._pytree import tree_map
from transformers import (Sam2Config, Sam2Model, Sam2VideoConfig, Sam2VideoMaskDecoderConfig,
                          Sam2VideoModel)
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession
from transformers.utils import logging

logging.disable_progress_bar()

TRUNKS = {  # width, heads, blocks of the stages, global blocks, windows, background grid
    "tiny": (96, 1, [1, 2, 7, 2], [5, 7, 9], [8, 4, 14, 7], 7),
    "small": (96, 1, [1, 2, 11, 2], [7, 10, 13], [8, 4, 14, 7], 7),
    "base_plus": (112, 2, [2, 3, 16, 3], [12, 16, 20], [8, 4, 14, 7], 14),
    "large": (144, 2, [2, 6, 36, 4], [23, 33, 43], [8, 4, 16, 8], 7),
}


def make_config(size, version="2.1", image_size=1024):
    width, heads, blocks, global_blocks, windows, grid = TRUNKS[size]
    side = image_size // 16
    widths = [width << i for i in range(4)]
    vision = {
        "model_type": "sam2_vision_model",
        "backbone_config": {
            "model_type": "sam2_hiera_det_model",
            "hidden_size": width,
            "num_attention_heads": heads,
            "image_size": [image_size, image_size],
            "blocks_per_stage": blocks,
            "embed_dim_per_stage": widths,
            "num_attention_heads_per_stage": [heads << i for i in range(4)],
            "window_size_per_stage": windows,
            "global_attention_blocks": global_blocks,
            "window_positional_embedding_background_size": [grid, grid],
        },
        "backbone_channel_list": widths[::-1],
        "backbone_feature_sizes": [[4 * side] * 2, [2 * side] * 2, [side] * 2],
    }
    return Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config={"image_size": image_size},
        image_size=image_size,
        memory_attention_rope_feat_sizes=[side, side],
        enable_occlusion_spatial_embedding=version == "2.1",
        enable_temporal_pos_encoding_for_object_pointers=version == "2.1",
    )


def spread_of(name, shape):
    """Scale and offset of a tensor's uniform distribution.

    Every norm, bias, gamma and position embedding is drawn: the usual initialisation leaves most of
    them 0 or 1 and so hides errors. The larger gains keep memory and pointers from fading, the
    offset of the object score keeps most objects present."""
    if name.endswith("positional_embedding"):
        return 3**0.5, 0
    if "pos_embed" in name:
        return 0.5, 0
    if name.endswith(("token.weight", "tokens.weight", "mask_embed.weight", "point_embed.weight")):
        return 1, 0
    if len(shape) > 1:
        gain = 1
        if any(word in name for word in ("mask_downsampler.final_conv",
                                         "object_pointer_proj.proj_out",
                                         "temporal_positional_encoding_projection")):
            gain = 4
        elif "cross_attn_image.o_proj" in name:
            gain = 3
        return gain * (3 / (torch.Size(shape).numel() / shape[0])) ** 0.5, 0
    if name.endswith("pred_obj_score_head.proj_out.bias"):
        return 0.1, 1
    return 0.1, 1 if "norm" in name and name.endswith("weight") else 0


def make_model(size, version, image_size, seed, directory):
    """A model of random weights in `directory`, as from_pretrained and Earmark's import take it."""
    torch.manual_seed(seed)
    model = Sam2VideoModel(make_config(size, version, image_size)).eval()
    with torch.no_grad():
        for name, tensor in sorted(model.state_dict().items()):
            if not name.startswith("prompt_encoder.shared_embedding"):
                scale, offset = spread_of(name, tensor.shape)
                tensor.copy_(offset + scale * (2 * torch.rand(tensor.shape) - 1))
        model.prompt_encoder.shared_embedding.positional_embedding.copy_(
            model.shared_image_embedding.positional_embedding)
    model.save_pretrained(directory)


def make_package(build, directory, path):
    """By the command line, or by its like where GLib is missing and there is no command line."""
    command = [Path(build, "src/cli/earmark-cli"), "weights", "import"]
    if not command[0].exists():
        command = [Path(build, "tests/reference/em-import")]
    subprocess.run([*command, directory / "model.safetensors", "-o", path], check=True,
                   stdout=subprocess.DEVNULL)


def make_inputs(n_frames, side, seed, path, with_rgb=False):
    """Noise with a square and a disk that move through it, normalised; masks as prompts.

    `with_rgb` makes bytes of it, which are kept too, and the frames of those."""
    torch.manual_seed(seed)
    frames = torch.rand(n_frames, 3, side, side) - 0.5
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    squares = []
    for t in range(n_frames):
        left, top = side // 8 + t * side // 32, side // 4 + t * side // 64
        square = (x >= left) & (x < left + side // 4) & (y >= top) & (y < top + side // 4)
        disk = (x - 3 * side // 4 + t * side // 32) ** 2 + (y - side // 4 - t * side // 32) ** 2
        frames[t] += square * torch.tensor([1.5, -1, 0.5])[:, None, None]
        frames[t] += (disk <= (side // 10) ** 2) * torch.tensor([-1, 1.5, -0.5])[:, None, None]
        squares.append(square)
    logits = 12 * squares[0][2::4, 2::4].float() - 6 + 4 * torch.rand(side // 4, side // 4) - 2
    more = {}
    if with_rgb:
        mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        rgb = ((frames * std + mean) * 255).round().clamp(0, 255).byte()
        frames = (rgb / 255 - mean) / std
        more["rgb"] = rgb.permute(0, 2, 3, 1).contiguous()
    save_file({"frames": frames, "square": squares[0].float(), "logits": logits} | more, path)


class Original(Sam2VideoModel):
    """Sam2VideoModel with the original's behaviour where transformers' differs."""

    def _run_single_frame_inference(self, inference_session, frame_idx, obj_idx, *args,
                                    point_inputs=None, **more):
        """The original gives the mask that a frame has to the next click on it."""
        if point_inputs is not None:
            held = inference_session.output_dict_per_obj[obj_idx]
            for kind in ("cond_frame_outputs", "non_cond_frame_outputs"):
                if frame_idx in held[kind]:
                    logits = held[kind][frame_idx]["pred_masks"].clamp(-32, 32)
                    more["prev_sam_mask_logits"] = logits
                    break
        out = super()._run_single_frame_inference(
            inference_session=inference_session, frame_idx=frame_idx, obj_idx=obj_idx, *args,
            point_inputs=point_inputs, **more)
        return out | {"iou": self.chosen_iou}

    def _single_frame_forward(self, **inputs):
        if self.single_mask:
            inputs["multimask_output"] = False
        out = super()._single_frame_forward(**inputs)
        self.chosen_iou = out.iou_scores.max()
        return out

    def _use_mask_as_output(self, *args):
        """The original makes the pointer of a given mask from the single mask's token, and its
        memory from the quarter-size mask scaled up again."""
        self.single_mask = True
        out = super()._use_mask_as_output(*args)
        self.single_mask = False
        self.chosen_iou = out.iou_scores.max()
        out.high_res_masks = F.interpolate(out.pred_masks.float(), size=(self.image_size,) * 2,
                                           mode="bilinear", align_corners=False)
        return out

    def _encode_new_memory(self, *args, **more):
        """Both round memories to bfloat16, which turns the last digit of some into the third. To
        see what else differs they can be kept as the encoder made them; what an absent object adds
        to them is added in place."""
        kept = []
        hook = self.memory_encoder.register_forward_hook(lambda m, i, out: kept.append(out[0]))
        memory, position = super()._encode_new_memory(*args, **more)
        hook.remove()
        return kept[0].flatten(2).permute(2, 0, 1) if self.memory_f32 else memory, position

    single_mask = memory_f32 = False


class Part:
    """One of the model's large modules: timed and compiled where a step asks for it."""

    def __init__(self, module, mode):
        self.eager, self.spans = module.forward, []
        self.compiled = mode and torch.compile(self.eager, mode=mode, dynamic=False)
        self.timed = self.use_compiled = False
        module.forward = self

    def __call__(self, *args, **more):
        span = [torch.cuda.Event(enable_timing=True) for _ in range(2)] if self.timed else []
        for event in span[:1]:
            event.record()
        if self.use_compiled:
            torch.compiler.cudagraph_mark_step_begin()
            out = self.compiled(*args, **more)
        else:
            out = self.eager(*args, **more)
        for event in span[1:]:
            event.record()
        self.spans += [span] if span else []
        # A graph's results are where the next run puts its own.
        return tree_map(copied, out) if self.use_compiled else out

    def seconds(self):
        """Of the device since the last call."""
        spans, self.spans = self.spans, []
        return sum(begin.elapsed_time(end) for begin, end in spans) / 1e3


def copied(x):
    return x.clone() if isinstance(x, torch.Tensor) else x


class Reference:
    """The steps of em-dump, by transformers. `results` has what they gave, by em-dump's names.

    With `compile`, a mode of torch.compile, the model's large modules are compiled for those steps
    that say "measured": what leads there has other shapes each time. On a GPU a step's time is that
    until all of it was done; with "events" the device's between two events, too."""

    def __init__(self, directory, inputs, dtype="float32", device="cpu", compile=None):
        self.dtype, self.device = getattr(torch, dtype), torch.device(device)
        config = Sam2VideoConfig.from_pretrained(directory)
        # What a file says of the decoder is read as another class by some versions; it says nothing
        # but the defaults.
        config.mask_decoder_config = Sam2VideoMaskDecoderConfig()
        self.model = Original.from_pretrained(directory, config=config, attn_implementation="sdpa",
                                              dtype=self.dtype).eval().to(self.device)
        self.inputs = load_file(inputs)
        self.results, self.fresh = {}, {}
        cuda = self.device.type == "cuda"
        self.parts = [Part(module, compile) for module in (
            self.model.vision_encoder, self.model.memory_attention, self.model.mask_decoder,
            self.model.memory_encoder)] if compile or cuda else []

    def step(self, step):
        cuda = self.device.type == "cuda"
        events = cuda and bool(step.get("events"))
        for part in self.parts:
            part.use_compiled = bool(part.compiled and step.get("measured"))
            part.timed = events
        begin, end = [events and torch.cuda.Event(enable_timing=True) for _ in range(2)]
        if cuda:
            torch.cuda.synchronize()
        start, cpu = time.perf_counter(), time.process_time()
        with torch.inference_mode():
            if events:
                begin.record()
            getattr(self, step["do"])(step)
            if events:
                end.record()
            on_host = {name: x.float().cpu() for name, x in self.fresh.items()}
        if cuda:
            torch.cuda.synchronize()
        answer = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu,
                  "peak_kb": peak_kb()}
        if step.get("name"):
            self.results |= on_host
        self.fresh = {}
        if events:
            answer |= {"device": begin.elapsed_time(end) / 1e3,
                       "parts": sum(part.seconds() for part in self.parts)}
        if cuda:
            answer["device_kb"] = torch.cuda.max_memory_allocated() >> 10
        return answer

    def close(self):
        pass

    def open(self, step):
        self.width, self.height = step["width"], step["height"]
        self.options = step.get("options", {})
        self.model.memory_f32 = self.options.get("memory_f32", False)
        self.session = Sam2VideoInferenceSession(
            video=self.inputs["frames"], video_height=self.height, video_width=self.width,
            inference_device=self.device, inference_state_device=self.device,
            video_storage_device=self.device, dtype=self.dtype,
            max_vision_features_cache_size=step.get("features", 1))

    def reset(self, step):
        self.session.reset_tracking_data()

    def image(self, step):
        config = self.model.config
        image = Sam2Model(Sam2Config(
            vision_config=config.vision_config.to_dict(),
            prompt_encoder_config=config.prompt_encoder_config.to_dict(),
            mask_decoder_config=config.mask_decoder_config.to_dict())).eval()
        image.load_state_dict({name: self.model.state_dict()[name] for name in image.state_dict()})
        frame = step["frame"]
        embeddings = image.get_image_embeddings(self.inputs["frames"][frame][None])
        for name, x in zip(("s0", "s1", "embed"), embeddings):
            self.results[f"frame{frame}.{name}"] = x.permute(0, 2, 3, 1)
        for prompt in step["prompts"]:
            self.image_prompt(image, embeddings, prompt)

    def image_prompt(self, model, embeddings, prompt):
        points = [p for p in prompt.get("points", []) if p[2] in (0, 1)]
        corners = [p[:2] for p in prompt.get("points", []) if p[2] in (2, 3)]
        given = {}
        if points:
            given["input_points"] = torch.tensor([[[p[:2] for p in points]]], dtype=torch.float32)
            given["input_labels"] = torch.tensor([[[p[2] for p in points]]])
        if corners:
            given["input_boxes"] = torch.tensor([[sum(corners, [])]], dtype=torch.float32)
        if "mask" in prompt:
            given["input_masks"] = self.inputs[prompt["mask"]][None, None]
        name = prompt["name"]
        three = model(image_embeddings=embeddings, multimask_output=True, **given)
        one = model(image_embeddings=embeddings, multimask_output=False, **given)
        model.mask_decoder.dynamic_multimask_via_stability = False
        plain = model(image_embeddings=embeddings, multimask_output=False, **given)
        model.mask_decoder.dynamic_multimask_via_stability = True
        self.results |= {
            f"{name}.masks": torch.cat([plain.pred_masks, three.pred_masks], dim=2),
            f"{name}.iou": torch.cat([plain.iou_scores, three.iou_scores], dim=2),
            f"{name}.score": three.object_score_logits,
            f"{name}.single": one.pred_masks,
            f"{name}.single_iou": one.iou_scores,
        }

    def embed(self, step):
        self.model._prepare_vision_features(self.session, step["frame"], 1)

    def points(self, step):
        at = torch.tensor([p[:2] for p in step.get("points", [])]).reshape(-1, 2)
        labels = torch.tensor([p[2] for p in step.get("points", [])], dtype=torch.int32)
        if "box" in step:
            at = torch.cat([torch.tensor(step["box"]).reshape(2, 2), at])
            labels = torch.cat([torch.tensor([2, 3], dtype=torch.int32), labels])
        at = at.float() * torch.tensor([self.model.image_size / self.width,
                                        self.model.image_size / self.height])
        index = self.session.obj_id_to_idx(step["object"])
        self.session.add_point_inputs(index, step["frame"],
                                      {"point_coords": at[None, None].to(self.device, self.dtype),
                                       "point_labels": labels[None, None].to(self.device)})
        self.session.remove_mask_inputs(index, step["frame"])
        self.prompted(step, index)

    def mask(self, step):
        index = self.session.obj_id_to_idx(step["object"])
        mask = self.inputs[step["mask"]].reshape(1, 1, self.height, self.width)
        side = self.model.image_size
        if mask.shape[-2:] != (side, side):
            mask = (F.interpolate(mask, size=(side, side), mode="bilinear", antialias=True,
                                  align_corners=False) >= 0.5).float()
        self.session.add_mask_inputs(index, step["frame"], mask.to(self.device))
        self.session.remove_point_inputs(index, step["frame"])
        self.prompted(step, index)

    def prompted(self, step, index):
        """A prompt's answer. Where a corrected frame shall condition the others, which is a switch
        of the original's that transformers lacks, its entry is moved to where it does."""
        frame = step["frame"]
        passed = self.session.frames_tracked_per_obj[index].get(frame, {"reverse": False})
        self.session.obj_with_new_inputs = [step["object"]]
        self.model(self.session, frame_idx=frame, reverse=passed["reverse"],
                   run_mem_encoder=step.get("remember", True))
        held = self.session.output_dict_per_obj[index]
        if self.options.get("corrected_become_cond") and frame in held["non_cond_frame_outputs"]:
            held["cond_frame_outputs"][frame] = held["non_cond_frame_outputs"].pop(frame)
        self.keep(step.get("name", ""), index, frame)

    def propagate(self, step):
        back = step["to"] < step["from"]
        for frame in range(step["from"], step["to"] + (-1 if back else 1), -1 if back else 1):
            self.model(self.session, frame_idx=frame, reverse=back)
            for index, name in enumerate(self.session.obj_ids):
                self.keep(f"{step.get('name', '')}.frame{frame}.obj{name}", index, frame)

    def keep(self, name, index, frame):
        held = self.session.output_dict_per_obj[index]
        out = held["cond_frame_outputs"].get(frame) or held["non_cond_frame_outputs"][frame]
        self.fresh |= {f"{name}.low_res": out["pred_masks"], f"{name}.iou": out["iou"],
                       f"{name}.score": out["object_score_logits"]}


class Ended(SystemExit):
    """A worker that answers no more, in a line. Nobody need catch it."""


class Worker:
    """Another process that answers steps: em-dump, or this file as a program. With a limit it is
    ended after so many seconds."""

    def __init__(self, command, environment=None, limit=None):
        self.process = subprocess.Popen([str(word) for word in command], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=os.environ | (environment or {}))
        self.limit, self.is_late = limit, False
        if limit:
            self.timer = threading.Timer(limit, self.late)
            self.timer.daemon = True
            self.timer.start()

    def step(self, step):
        try:
            print(json.dumps(step), file=self.process.stdin, flush=True)
            for line in self.process.stdout:
                answer = answer_of(line)
                if answer:
                    return answer
                print(line, end="", file=sys.stderr, flush=True)
        except BrokenPipeError:
            pass
        self.kill(10)
        raise Ended(f"{self.reason()}, at {json.dumps(step)}")

    def close(self):
        """To the end of its work; Ended if that fails."""
        self.kill(None)
        if self.process.returncode:
            raise Ended(self.reason())

    def kill(self, patience=0):
        """If it does not end by itself within so many seconds; None: whenever it does."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.limit:
            self.timer.cancel()

    def late(self):
        self.is_late = True
        self.process.kill()

    def reason(self):
        program, status = Path(self.process.args[0]).name, self.process.returncode
        if self.is_late:
            return f"{program} ran longer than {self.limit:g} s"
        return f"{program} ended " + (f"by signal {-status}" if status < 0 else f"with {status}")


def answer_of(line):
    """None for what is no answer but something that a library had to say."""
    try:
        answer = json.loads(line)
    except json.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) and "seconds" in answer else None


class Engine(Worker):
    """em-dump; `results` once it is closed."""

    def __init__(self, build, package, inputs, output, threads=2, device="cpu", limit=None):
        super().__init__([Path(build, "tests/reference/em-dump"), "--model", package, "--inputs",
                          inputs, "--output", output, "--device", device],
                         {"OMP_NUM_THREADS": str(threads)}, limit)
        self.output = output

    def close(self):
        super().close()
        self.results = load_file(self.output)


def peak_kb():
    """The most memory this process had, in kB."""
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--inputs", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", help="a mode of torch.compile")
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    torch.set_num_threads(arguments.threads)
    reference = Reference(arguments.model, arguments.inputs, arguments.dtype, arguments.device,
                          arguments.compile)
    for line in sys.stdin:
        print(json.dumps(reference.step(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
