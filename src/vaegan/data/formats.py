"""Which files are images: by the endings of their names; where an ending says nothing, by their first bytes. And what all others are."""

from __future__ import annotations

import re
import warnings
from functools import cache
from typing import NamedTuple

from PIL import features


class Kind(NamedTuple):
    """What a file is."""

    one: str
    many: str
    way_out: str = ""
    """What makes an image of it; empty where nothing does."""

    def __str__(self) -> str:
        return f"{self.one}: {self.way_out}" if self.way_out else self.one


IMAGE = Kind("an image", "images")
OTHER = Kind("not an image", "not images")
EMPTY = Kind("empty file", "empty files")
VIDEO = Kind("a video", "videos", "extract the frames first")
FOREIGN = Kind("an image in a format that vaegan cannot read", "images in formats that vaegan cannot read", "convert to PNG or JPEG first")
RAW = Kind("a camera's raw file", "raw files of cameras", "convert to PNG, JPEG or TIFF first")
ARCHIVE = Kind("an archive", "archives", "unpack first, or prepare separately")
ARRAY = Kind("a file of arrays", "files of arrays", "prepare each .npz file separately, or save the images as image files")
RECORDS = Kind("a file of records", "files of records", "save as image files first")
TABLE = Kind("an Arrow file of the datasets library", "Arrow files of the datasets library", "give the folder as hf:FOLDER")
BACKUP = Kind("a thumbnail, a backup or an unfinished download", "thumbnails, backups or unfinished downloads")
NO_FILE = Kind("a pipe, a device or a broken link", "pipes, devices or broken links")
POINTER = Kind("a pointer of Git LFS", "pointers of Git LFS", "download the real files with Git LFS first")
NOT_DOWNLOADED = Kind("a photo that is still in iCloud", "photos that are still in iCloud", "download first")
CLOSED = Kind("a damaged or encrypted file", "damaged or encrypted files")
WITHIN = Kind("a link to a folder in or above the source", "links to folders in or above the source")
RUN = Kind("a run", "runs")
PACKED = Kind("a packed set", "packed sets")

MISSING = {
    "HEIF": Kind("a HEIC image", "HEIC images", "install a reader for HEIC with: pip install 'vaegan[heic]'"),
    "AVIF": Kind("an AVIF image", "AVIF images", "install Pillow 11.3 or newer"),
    "JPEG2000": Kind("a JPEG 2000 image", "JPEG 2000 images", "install a build of Pillow that has OpenJPEG"),
}
"""The formats that not every installation reads."""

IMAGE_ENDINGS = {
    "JPEG": ".jpg .jpeg .jpe .jfif .jif .pjpeg .pjp",
    "PNG": ".png .apng",
    "WEBP": ".webp",
    "BMP": ".bmp .dib",
    "GIF": ".gif",
    "TIFF": ".tif .tiff",
    "PPM": ".ppm .pgm .pbm .pnm .pfm",
    "JPEG2000": ".jp2 .j2k .jpf .jpx .j2c .jpc",
    "AVIF": ".avif .avifs",
    "HEIF": ".heic .heif .hif .heics",
}
"""By Pillow's names of the formats: those whose decoders are libraries, and no other. Some of what Pillow reads starts programs."""

OTHER_ENDINGS = {
    OTHER: ".txt .text .md .rst .tex .bib .json .jsonl .ndjson .csv .tsv .xml .yaml .yml .toml .ini .cfg .conf .html .htm .css .js .py "
    ".pyc .ipynb .sh .bat .c .h .cpp .m .r .log .out .err .lock .pkl .pickle .pt .pth .ckpt .safetensors .onnx .pb .db .sqlite .sqlite3 "
    ".doc .docx .odt .rtf .xls .xlsx .ods .ppt .pptx .xmp .aae .pp3 .dop .nfo .url .lnk .webloc .md5 .sha1 .sha256 .sha512 .srt .vtt .sub "
    ".caption .tags .pts .lab .names .exe .dll .so .o .mp3 .wav .flac .ogg .m4a .aac .obj .mtl .ply .stl .glb "
    ".las .pcd .bvh .ttf .otf .woff .woff2",
    VIDEO: ".mp4 .m4v .mov .avi .mkv .webm .wmv .flv .mpg .mpeg .mts .m2ts .3gp .ogv .lrv .y4m",
    FOREIGN: ".svg .svgz .pdf .ps .eps .ai .psd .psb .xcf .kra .ora .ico .cur .icns .ani .tga .pcx .sgi .rgb .dds .exr .hdr .jxl .jxr .wdp "
    ".xpm .xbm .pict .wmf .emf .fits .fit .fts .dcm .dicom .nii .nrrd .mha .mhd .mrc .djvu .qoi .flif .bpg .ktx .ktx2 .czi .nd2 .lif .vsi "
    ".svs .ndpi .scn .mrxs",
    RAW: ".dng .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .orf .raf .rw2 .pef .srw .x3f .3fr .fff .iiq .mos .kdc .dcr .erf .mrw .rwl .raw",
    ARCHIVE: ".zip .tar .tgz .tbz2 .txz .gz .bz2 .xz .zst .lz4 .7z .rar .cab .iso .dmg .jar .cbz .cbr",
    IMAGE: ".npy",
    ARRAY: ".npz .h5 .hdf5 .mat .zarr",
    RECORDS: ".tfrecord .tfrecords .rec .mdb .lmdb",
    TABLE: ".parquet .arrow .feather",
    NOT_DOWNLOADED: ".icloud",
    BACKUP: ".bak .old .orig .tmp .temp .part .partial .crdownload .download .swp .thm .ithmb",
}
"""What is known to be no image without a look into it. Raw files of cameras begin as TIFF files do, and hold a thumbnail."""

QUIET = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin", "system volume information"})
"""What systems leave in folders and archives, in small letters; nobody misses it."""

HEAD = 512
"""So many bytes show what a file is."""

SIGNATURES: tuple[tuple[int, bytes, str | Kind], ...] = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (8, b"WEBP", "WEBP"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG2000"),
    (0, b"\x93NUMPY", IMAGE),
    (0, b"\x89HDF\r\n\x1a\n", ARRAY),
    (0, b"PAR1", TABLE),
    (0, b"ARROW1\0\0", TABLE),
    (0, b"version https://git-lfs", POINTER),
    (0, b"PK\3\4", ARCHIVE),
    (0, b"PK\5\6", ARCHIVE),
    (257, b"ustar", ARCHIVE),
    (0, b"\x1f\x8b", ARCHIVE),
    (0, b"BZh", ARCHIVE),
    (0, b"\xfd7zXZ", ARCHIVE),
    (0, b"\x28\xb5\x2f\xfd", ARCHIVE),
    (0, b"7z\xbc\xaf\x27\x1c", ARCHIVE),
    (0, b"Rar!\x1a\7", ARCHIVE),
    (8, b"AVI ", VIDEO),
    (0, b"\x1aE\xdf\xa3", VIDEO),
    (0, b"\0\0\1\xba", VIDEO),
    (0, b"%PDF", FOREIGN),
    (0, b"%!PS", FOREIGN),
    (0, b"8BPS", FOREIGN),
    (0, b"<svg", FOREIGN),
    (0, b"\0\0\1\0", FOREIGN),
    (0, b"v/1\1", FOREIGN),
    (0, b"#?RADIANCE", FOREIGN),
    (0, b"SIMPLE  =", FOREIGN),
    (128, b"DICM", FOREIGN),
    (0, b"DDS ", FOREIGN),
    (0, b"\xff\x0a", FOREIGN),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", FOREIGN),
)
PPM_START = re.compile(rb"P(?:[1-6]|[fF])\s+(?:#|\d)")
BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})  # how long they may be; BM alone begins words, too
HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})

_ENDINGS: dict[str, str | Kind] = {ending: name for name, endings in IMAGE_ENDINGS.items() for ending in endings.split()}
_ENDINGS |= {ending: kind for kind, endings in OTHER_ENDINGS.items() for ending in endings.split()}


@cache
def readable() -> tuple[str, ...]:
    """The formats of `IMAGE_ENDINGS` that are read here, as `PIL.Image.open` takes them."""
    there = set(IMAGE_ENDINGS) - set(MISSING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an older Pillow does not know the name
        there |= {name for name, feature in (("AVIF", "avif"), ("JPEG2000", "jpg_2000")) if features.check(feature)}
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        pass
    else:
        register_heif_opener()
        there.add("HEIF")
    return tuple(name for name in IMAGE_ENDINGS if name in there)


def formats_in_words() -> str:
    """The formats that are read here, as in "JPEG, PNG and GIF"."""
    names = [{"WEBP": "WebP", "JPEG2000": "JPEG 2000", "HEIF": "HEIC"}.get(name, name) for name in readable()]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def kind_by_name(name: str) -> Kind | None:
    """What a file is by the ending of its name, or None where that says nothing: `a.jpg?w=300`, `a`."""
    found = _ENDINGS.get(name[name.rfind(".") :].lower())
    if isinstance(found, str):
        return _of_format(found)
    return BACKUP if found is None and name.endswith(("~", "_original")) else found


def kind_by_content(head: bytes) -> Kind:
    """What a file is by its first `HEAD` bytes."""
    if not head:
        return EMPTY
    if head[4:8] == b"ftyp":
        return _of_box(head)
    found = next((what for at, mark, what in SIGNATURES if head.startswith(mark, at)), None)
    if found is None and PPM_START.match(head):
        found = "PPM"
    if found is None and head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in BMP_HEADERS:
        found = "BMP"
    return _of_format(found) if isinstance(found, str) else found or OTHER


def is_hidden(path: str) -> bool:
    """Whether a file, or a folder that it is in, is one that users do not see. iCloud hides what it has not downloaded; users see that."""
    parts = path.split("/")
    if path.endswith(".icloud"):
        parts.pop()
    return any((part.startswith(".") and part not in (".", "..")) or part.lower() in QUIET for part in parts)


def _of_format(name: str) -> Kind:
    return IMAGE if name in readable() else MISSING[name]


def _of_box(head: bytes) -> Kind:
    """Of a file in boxes, as HEIC, AVIF and MP4 are: its first box has one name of a format and a list of names that fit, too."""
    end = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(end, len(head)), 4))]
    if not {b"avif", b"avis"}.isdisjoint(brands):
        return _of_format("AVIF")
    if not HEIF_BRANDS.isdisjoint(brands):
        return _of_format("HEIF")
    return RAW if brands[0] == b"crx " else VIDEO
