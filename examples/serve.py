"""Put the page of `vaegan studio` before a model in torch: for models that are too large for a page, or for a GPU.

    pip install fastapi uvicorn
    python examples/serve.py runs/avatars --device cuda    # then open http://127.0.0.1:8000

The browser asks this server for each picture. Without `--host`, only this machine can open the page.
"""

import argparse
import math

import torch
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from vaegan import Run
from vaegan.studio import remote_page


def application(run: str, device: str = "cpu") -> FastAPI:
    """The page of a run or a model, and what it asks for."""
    opened, app = Run.open(run), FastAPI()
    model, page = opened.model(device), remote_page(opened)
    a = model.architecture
    conditions = [(len(a.attributes),)] if model.conditional else []
    networks = {"decoder": (model.decoder, [(a.latent,), *conditions]), "encoder": (model.encoder, [(a.channels, *a.size), *conditions])}

    @app.get("/", response_class=HTMLResponse)
    def studio() -> str:
        return page

    @app.post("/{name}")
    async def compute(name: str, request: Request) -> Response:
        if name not in networks:
            raise HTTPException(404)
        network, shapes = networks[name]
        numbers, sizes = await request.body(), [math.prod(shape) for shape in shapes]
        if len(numbers) != 4 * sum(sizes):
            raise HTTPException(422, "these are not the numbers of an input")
        parts = torch.frombuffer(bytearray(numbers), dtype=torch.float32).to(device).split(sizes)
        with torch.inference_mode():
            result = network(*(part.view(1, *shape) for part, shape in zip(parts, shapes, strict=True)))
        means = result if isinstance(result, torch.Tensor) else result[0]
        return Response(means.float().cpu().numpy().tobytes(), media_type="application/octet-stream")

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args()
    uvicorn.run(application(given.run, given.device), host=given.host, port=given.port)
