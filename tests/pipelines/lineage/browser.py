"""Drive Chromium over its DevTools protocol: open a page, type, evaluate, take screenshots."""

import base64
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import websocket

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--remote-debugging-port=0", "--remote-allow-origins=*",
]  # fmt: skip
START_SECONDS = 30
DARK = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}


class Browser:
    """One browser window. Close it when done."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self._socket = websocket.create_connection(self._page_address(), timeout=START_SECONDS)
        self._sent = 0
        self.errors: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def open(self, path: Path, address: str = "") -> None:
        """Load a local file; `address` is the part of the URL after the #."""
        self.errors.clear()
        self._call("Page.navigate", url="about:blank")
        self._call("Page.navigate", url=f"{path.as_uri()}#{address}")
        self.wait("document.readyState === 'complete' && !!document.querySelector('h1')")

    def ask(self, expression: str) -> Any:
        """Evaluate a JavaScript expression in the page."""
        reply = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in reply, reply
        return reply["result"].get("value")

    def wait(self, expression: str, seconds: float = 10) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self.ask(expression):
            assert time.monotonic() < deadline, f"never true: {expression}"
            time.sleep(0.02)

    def press(self, key: str) -> None:
        """Press and release one key."""
        text = {"Enter": "\r", "Escape": ""}.get(key, key)
        code = {"Enter": 13, "Escape": 27}.get(key, ord(key.upper()[0]))
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code,
                       **({"text": text} if kind == "keyDown" and text else {}))  # fmt: skip

    def type(self, text: str) -> None:
        """Type text into the focused element."""
        self._call("Input.insertText", text=text)

    def look(self, *, width: int = 1200, dark: bool = False) -> None:
        """Set the width of the window and the color scheme."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                   deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        self._call("Emulation.setEmulatedMedia", **(DARK if dark else {"features": []}))

    def picture(self, path: Path) -> None:
        """Write a screenshot of the whole page as PNG."""
        reply = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(reply["data"]))

    def close(self) -> None:
        """Stop the browser."""
        self._socket.close()
        self._process.terminate()
        self._process.wait(timeout=30)

    def _page_address(self) -> str:
        """Return the WebSocket address of the window, from Chromium's output and page list."""
        import urllib.request

        assert self._process.stderr is not None
        for line in self._process.stderr:
            if "DevTools listening on ws://" in line:
                host = line.split("ws://")[1].split("/")[0]
                with urllib.request.urlopen(f"http://{host}/json") as answer:
                    pages = [t for t in json.load(answer) if t["type"] == "page"]
                return str(pages[0]["webSocketDebuggerUrl"])
        raise AssertionError("Chromium did not start")

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._sent:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        """Record errors of the page, including violations of its content security policy."""
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(message["params"]["exceptionDetails"]))
        if message.get("method") == "Log.entryAdded":
            self.errors.append(message["params"]["entry"]["text"])
