"""The example that puts the page before a model in torch, on loopback."""

from __future__ import annotations

import importlib.util
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vaegan import Run

pytest.importorskip("fastapi", reason="there is no fastapi")
uvicorn = pytest.importorskip("uvicorn", reason="there is no uvicorn")
EXAMPLE = Path(__file__).parents[2] / "examples" / "serve.py"


@pytest.fixture(scope="module")
def address(run_on_avatars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    run = shutil.copytree(run_on_avatars, tmp_path_factory.mktemp("serve") / "run")  # the example learns its attributes
    spec = importlib.util.spec_from_file_location("serve", EXAMPLE)
    assert spec
    assert spec.loader
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    server = uvicorn.Server(uvicorn.Config(example.application(str(run)), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def posted(address: str, numbers: Tensor) -> Tensor:
    with urllib.request.urlopen(urllib.request.Request(address, numbers.numpy().tobytes())) as answer:
        return torch.from_numpy(np.frombuffer(answer.read(), np.float32).copy())


def test_the_page_asks_its_server_and_no_other(address: str) -> None:
    text = urllib.request.urlopen(address).read().decode()
    assert "connect-src 'self'" in text
    assert '"remote":true' in text
    assert '"programs":{"decoder":{},"encoder":{}}' in text


def test_the_server_computes_what_the_model_does(address: str, run_on_avatars: Path) -> None:
    model = Run.open(run_on_avatars).model()
    code = model.prior_codes(1, 3)
    with torch.no_grad():
        image = model.decoder(code)
        torch.testing.assert_close(posted(f"{address}/decoder", code), image.flatten())
        torch.testing.assert_close(posted(f"{address}/encoder", image), model.encoder(image)[0].flatten())


@pytest.mark.parametrize(("name", "code"), [("decoder", 422), ("discriminator", 404)])
def test_what_is_no_input_is_refused(address: str, name: str, code: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        posted(f"{address}/{name}", torch.zeros(3))
    assert error.value.code == code
