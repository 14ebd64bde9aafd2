import Foundation
import Testing

@testable import ModelStorage

struct FileRootsTests {
    private let roots = FileRoots(own: ["/srv/mlctl-state"], home: "/nowhere/ada")

    private func isAllowed(_ path: String, _ roots: FileRoots) -> Bool {
        do {
            try roots.check(path)
            return true
        } catch {
            return false
        }
    }

    @Test(
        "by default, places of the system, the controller and other users are refused",
        arguments: [
            "/etc", "/etc/shadow", "/proc/self/environ", "/proc", "/sys/kernel", "/dev/zero", "/dev/shm/x",
            "/run/secrets/x",
            "/", "/srv/mlctl-state", "/srv/mlctl-state/secrets/db", "/srv", "/var/lib/kubelet/x", "/var", "/root/model",
            "/home/bob/model", "/home", "/nowhere", "/nowhere/ada", "/nowhere/ada/.ssh/id", "/nowhere/ada/.aws",
        ])
    func refused(path: String) {
        #expect(!isAllowed(path, roots))
        let error = #expect(throws: StorageError.self) { try roots.check(path) }
        #expect(error?.code == .notAllowed && error?.retryClass == .terminal)
    }

    @Test(
        "every other place is allowed",
        arguments: [
            "/srv/models", "/srv/mlctl-state-2/m", "/tmp/m", "/opt/m", "/etcetera/m", "/nowhere/ada/models/m", "/data",
            "/nowhere/ada/.cache/huggingface/m", "/nowhere/bob/m", "/usr/share/m", "/mnt/models",
        ])
    func served(path: String) { #expect(isAllowed(path, roots)) }

    @Test(
        "only a policy's places are allowed; they may be the system's or another user's, but not the kernel's or the controller's"
    )
    func policy() {
        let own = roots.allowing(["/srv/models/risk", "/etc/models", "/home/bob/models", "/proc", "/srv/mlctl-state"])
        for path in ["/srv/models/risk", "/srv/models/risk/m", "/etc/models/m", "/home/bob/models/m"] {
            #expect(isAllowed(path, own), "\(path)")
        }
        for path in [
            "/srv/models", "/srv/models/risky/m", "/tmp/m", "/etc/shadow", "/proc/1/environ",
            "/srv/mlctl-state/secrets/x",
        ] {
            #expect(!isAllowed(path, own), "\(path)")
        }
        #expect(!isAllowed("/tmp/m", roots.allowing([])))
        #expect(!isAllowed("/srv/models/risk\u{301}/m", own))
    }
}

/// With a real store and real files.
struct FileRefusalTests {
    private let disk: StorageFixture

    init() throws { disk = try StorageFixture() }

    @Test(
        "places that the machine keeps for itself are refused, whatever name they have",
        arguments: [
            "file:///proc/self/environ", "file:///etc/shadow", "file:///dev/zero", "file:///sys/kernel/notes",
            "file:///proc/self/root/etc/shadow", "file:///proc/self/root/proc/1", "file:///etc/../etc/shadow",
            "file:///proc/self/fd/0",
        ])
    func system(uri: String) async throws {
        let store = disk.store()
        for digest in [nil, "sha256:" + String(repeating: "a", count: 64)] {
            let error = await #expect(throws: StorageError.self) {
                _ = try await store.materialise(uri: uri, digest: digest)
            }
            #expect([.notAllowed, .notFound].contains(error?.code), "\(error?.message ?? "")")
        }
        let error = await #expect(throws: StorageError.self) { _ = try await store.pin(uri: uri) }
        #expect([.notAllowed, .notFound].contains(error?.code))
    }

    @Test("a link to such a place is refused too, and so is the cache itself")
    func links() async throws {
        let store = disk.store()
        for target in ["/etc", "/proc/self/environ", disk.cache.path] {
            let link = disk.folder.appending(path: "link-\(UUID().uuidString)").path
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
            try? FileManager.default.createDirectory(at: disk.cache, withIntermediateDirectories: true)
            let error = await #expect(throws: StorageError.self) {
                _ = try await store.materialise(uri: "file://\(link)")
            }
            #expect(error?.code == .notAllowed, "\(target)")
        }
    }

    @Test("a pipe, a socket or a device in a model's folder, or in place of a file, is refused at once")
    func specialFiles() async throws {
        let store = disk.store()
        let model = disk.folder.appending(path: "model")
        try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
        mkfifo(model.appending(path: "pipe").path, 0o600)
        let error = await #expect(throws: StorageError.self) { _ = try await store.pin(uri: "file://\(model.path)") }
        #expect(error?.code == .unusableTree)
        let alone = await #expect(throws: StorageError.self) {
            _ = try await store.pin(uri: "file://\(model.path)/pipe")
        }
        #expect(alone?.code == .unusableTree)
    }

    @Test("a file that is replaced while the tree is read is not followed elsewhere")
    func swapped() throws {
        let model = URL(fileURLWithPath: FileTree.realPath(disk.folder.path) ?? "").appending(path: "model")
        try FileManager.default.createDirectory(at: model.appending(path: "sub"), withIntermediateDirectories: true)
        for name in ["a", "b", "sub/c"] { try Data("x".utf8).write(to: model.appending(path: name)) }
        let cancellation = Cancellation()
        let tree = try FileTree(scanning: model.path, limits: StorageLimits(), cancellation: cancellation)
        #expect(try tree.contents(cancellation: cancellation).count == 3)
        let files = FileManager.default
        try files.removeItem(at: model.appending(path: "a"))
        try files.createSymbolicLink(atPath: model.appending(path: "a").path, withDestinationPath: "/etc/passwd")
        #expect(throws: StorageError.self) { try tree.contents(cancellation: cancellation) }
        try files.removeItem(at: model.appending(path: "a"))
        mkfifo(model.appending(path: "a").path, 0o600)
        #expect(throws: StorageError.self) { try tree.contents(cancellation: cancellation) }
        try files.removeItem(at: model.appending(path: "a"))
        try Data("x".utf8).write(to: model.appending(path: "a"))
        try files.removeItem(at: model.appending(path: "sub"))
        try files.createSymbolicLink(atPath: model.appending(path: "sub").path, withDestinationPath: "/etc")
        #expect(throws: StorageError.self) { try tree.contents(cancellation: cancellation) }
        try files.moveItem(at: model, to: disk.folder.appending(path: "away"))
        try files.createSymbolicLink(atPath: model.path, withDestinationPath: "/etc")
        #expect(throws: StorageError.self) { try tree.contents(cancellation: cancellation) }
    }

    @Test("a project gets only what its policy allows, even if another project has loaded the same model")
    func projects() async throws {
        let store = disk.store()
        let real = FileTree.realPath(disk.folder.path) ?? ""
        let model = disk.folder.appending(path: "risk")
        try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
        try Data("weights".utf8).write(to: model.appending(path: "m"))
        let uri = "file://\(model.path)"
        let digest = try await store.pin(uri: uri, allowed: ["\(real)/risk"])
        _ = try await store.materialise(uri: uri, digest: digest, allowed: ["\(real)/risk"])
        for allowed in [[], ["\(real)/other"], ["\(real)/ris"]] {
            let error = await #expect(throws: StorageError.self) {
                _ = try await store.materialise(uri: uri, digest: digest, allowed: allowed)
            }
            #expect(error?.code == .notAllowed)
        }
    }
}
