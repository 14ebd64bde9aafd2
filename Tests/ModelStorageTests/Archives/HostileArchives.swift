import Foundation
import TestSupport

/// Archives of which none may be unpacked, and some that must be, made by Python's own writers.
enum HostileArchives {
    static let refused = [
        "parent.tar", "absolute.tar", "link-out.tar", "link-absolute.tar", "through-link.tar", "hard-out.tar",
        "device.tar",
        "twice.tar", "file-and-folder.tar", "short.tar", "not-one.tar", "bomb.tar.gz", "half.tar.gz", "many.tar",
        "parent.zip", "absolute.zip", "link-out.zip", "bomb.zip", "overlap.zip", "checksum.zip", "many.zip",
        "names.zip",
        "empty.zip", "dangling.tar", "chained.tar",
    ]
    static let good = [
        "plain.tar", "plain.tar.gz", "plain.tgz", "plain.zip", "gnu.tar", "pax.tar", "stored.zip", "zip.tar.gz",
    ]

    /// Files below `folder`.
    static func make(in folder: URL) throws { try ChildProcess.run(["python3", "-c", program, folder.path]) }

    private static let program = #"""
        import io, os, struct, sys, tarfile, zipfile
        os.chdir(sys.argv[1])
        LONG = "d/" + "n" * 150 + "/" + "m" * 90
        def tar(name, entries, form=tarfile.PAX_FORMAT, mode="w"):
            with tarfile.open(name, mode, format=form) as archive:
                for path, kind, value in entries:
                    info = tarfile.TarInfo(path)
                    info.type = kind
                    data = b""
                    if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE): info.linkname = value
                    elif kind == tarfile.REGTYPE:
                        data = value
                        info.size = len(data)
                        info.mode = 0o755 if path.endswith("run") else 0o644
                    archive.addfile(info, io.BytesIO(data))
        F, L, H, D = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
        plain = [("./d", D, ""), ("./d/a", F, b"aaa"), ("run", F, b"#!"), ("d/link", L, "../run"), ("same", H, "./d/a"),
                 (LONG, F, b"long"), ("empty", F, b"")]
        tar("plain.tar", plain); tar("pax.tar", plain); tar("gnu.tar", plain, tarfile.GNU_FORMAT)
        tar("plain.tar.gz", plain, mode="w:gz"); tar("plain.tgz", plain, mode="w:gz")
        tar("parent.tar", [("a/../../x", F, b"x")]); tar("absolute.tar", [("/tmp/mlctl-x", F, b"x")])
        tar("link-out.tar", [("a", F, b"x"), ("l", L, "../../etc/passwd")])
        tar("link-absolute.tar", [("a", F, b"x"), ("l", L, "/etc/passwd")])
        tar("through-link.tar", [("l", L, ".."), ("l/x", F, b"x")])
        tar("hard-out.tar", [("a", F, b"x"), ("h", H, "../../x")])
        tar("device.tar", [("a", F, b"x"), ("p", tarfile.FIFOTYPE, "")])
        tar("twice.tar", [("a", F, b"x"), ("./a", F, b"y")])
        tar("file-and-folder.tar", [("a", F, b"x"), ("a/b", F, b"y")])
        tar("dangling.tar", [("a", F, b"x"), ("l", L, "nothing")])
        tar("chained.tar", [("d/e/f", F, b"x"), ("d/up", L, "../.."), ("a", F, b"x")])
        tar("many.tar", [(f"f{n}", F, b"") for n in range(60)])
        whole = open("plain.tar", "rb").read()
        open("short.tar", "wb").write(whole[:700]); open("not-one.tar", "wb").write(b"no tar " * 200)
        gz = open("plain.tar.gz", "rb").read()
        open("half.tar.gz", "wb").write(gz[:len(gz) // 2])
        tar("bomb.tar.gz", [("a", F, bytes(9 << 20))], mode="w:gz")
        def zip(name, entries, method=zipfile.ZIP_DEFLATED):
            with zipfile.ZipFile(name, "w", method) as archive:
                for path, mode, data in entries:
                    info = zipfile.ZipInfo(path)
                    info.create_system = 3
                    info.external_attr = mode << 16
                    info.compress_type = method
                    archive.writestr(info, data)
        files = [("d/", 0o40755, b""), ("d/a", 0o100644, b"aaa"), ("run", 0o100755, b"#!"), ("d/link", 0o120777, b"../run"),
                 ("same", 0o100644, b"aaa"), (LONG, 0o100644, b"long"), ("empty", 0o100644, b"")]
        zip("plain.zip", files); zip("stored.zip", files, zipfile.ZIP_STORED); zip("zip.tar.gz", files)
        zip("parent.zip", [("../x", 0o100644, b"x")]); zip("absolute.zip", [("/tmp/mlctl-x", 0o100644, b"x")])
        zip("link-out.zip", [("a", 0o100644, b"x"), ("l", 0o120777, b"../../etc/passwd")])
        zip("bomb.zip", [("a", 0o100644, bytes(9 << 20))]); zip("many.zip", [(f"f{n}", 0o100644, b"") for n in range(60)])
        zip("empty.zip", []); zip("names.zip", [("abc", 0o100644, b"x")], zipfile.ZIP_STORED)
        data = bytearray(open("names.zip", "rb").read()); data[30:33] = b"xyz"; open("names.zip", "wb").write(data)
        zip("checksum.zip", [("abc", 0o100644, b"content")], zipfile.ZIP_STORED)
        data = open("checksum.zip", "rb").read().replace(b"content", b"c0ntent"); open("checksum.zip", "wb").write(data)
        zip("overlap.zip", [("aa", 0o100644, b"1" * 50), ("bb", 0o100644, b"2" * 50)], zipfile.ZIP_STORED)
        data = bytearray(open("overlap.zip", "rb").read())
        second = data.rindex(b"PK\x01\x02"); data[second + 42:second + 46] = struct.pack("<I", 0)
        data[second + 46:second + 48] = b"aa"
        open("overlap.zip", "wb").write(data)
        """#
}
