import Foundation
import Glibc
import ModelManifests
import SecretFiles
import Testing

@testable import LocalServing

@Suite("Processes, ports, locks and files of Linux")
struct LinuxTests {
    @Test("a state folder's path is limited by the proxy's socket path, and the refusal names the limit")
    func longestStateFolder() throws {
        let root = NSTemporaryDirectory() + "mlctl-long-\(UInt32.random(in: .min ... .max))/"
        defer { try? FileManager.default.removeItem(atPath: root) }
        func folder(_ bytes: Int) -> StateFolder {
            StateFolder(root + String(repeating: "s", count: bytes - root.utf8.count))
        }
        try folder(84).prepare()
        let refusal = #expect(throws: LocalServingError.self) { try folder(85).prepare() }
        #expect(refusal?.message.contains("at most 84 bytes") == true)
    }

    @Test("a line of /proc/PID/stat is parsed whatever the process's name contains")
    func stat() throws {
        let tail = " S 7 12 34 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 1 0 98765 1000 200"
        for name in ["python3", "a b", "x) S 1 (y", "))"] {
            let entry = try #require(ProcessTable.Entry(stat: Array("42 (\(name))\(tail)".utf8)))
            #expect(entry == ProcessTable.Entry(pid: 42, parent: 7, session: 34, startTime: 98_765, isZombie: false))
        }
        #expect(ProcessTable.Entry(stat: Array("42 (x)".utf8)) == nil)
        let late = tail.replacing("98765", with: "9223372036854775809")
        #expect(ProcessTable.Entry(stat: Array("42 (x)\(late)".utf8)) == nil)
        #expect(ProcessTable.Entry(stat: []) == nil)
    }

    @Test("descendants are found at any depth, and a mark's tree includes them")
    func descendants() {
        func entry(_ pid: Int32, _ parent: Int32) -> ProcessTable.Entry {
            ProcessTable.Entry(pid: pid, parent: parent, session: pid, startTime: 1, isZombie: false)
        }
        let table = ProcessTable(entries: [
            entry(1, 0), entry(2, 1), entry(3, 2), entry(4, 3), entry(5, 1), entry(6, 6),
        ])
        #expect(table.descendants(of: 2).map(\.pid) == [3, 4])
        #expect(table.descendants(of: 9).isEmpty)
        #expect(table.tree { $0.pid == 3 || $0.pid == 5 }.map(\.pid) == [3, 4, 5])
    }

    @Test("this process finds itself, with its own start time")
    func own() throws {
        let identity = try #require(ProcessIdentity(running: getpid()))
        #expect(identity.isAlive)
        #expect(!ProcessIdentity(pid: getpid(), startTime: identity.startTime + 1).isAlive)
        #expect(ProcessTable.now().entries.contains { $0.pid == getpid() })
    }

    @Test("a mark is one whole variable, not part of one")
    func mark() {
        let environment = Array("A=1\0MLCTL_INSTANCE=x/y-1\0B=2\0".utf8)
        #expect(ProcessMark.environment(environment, holds: "MLCTL_INSTANCE=x/y-1"))
        #expect(!ProcessMark.environment(environment, holds: "MLCTL_INSTANCE=x/y"))
        #expect(!ProcessMark.environment(environment, holds: "INSTANCE=x/y-1"))
    }

    @Test("a line of the kernel's socket table is parsed")
    func socketTable() throws {
        let listening =
            "   0: 0100007F:4E20 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31415 1 0"
        let socket = try #require(ListenTable.Socket(line: Substring(listening)))
        #expect(socket.port == 20_000)
        #expect(socket.isListening)
        #expect(socket.inode == 31_415)
        #expect(
            ListenTable.Socket(line: "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt")
                == nil)
    }

    @Test("the owner of a listener is found, and our own processes are told from foreign ones")
    func listenerOwner() throws {
        let listener = try Listener()
        #expect(ListenTable.owner(ofPort: listener.port, first: getpid()) { [] } == .own)
        #expect(ListenTable.owner(ofPort: listener.port, first: nil) { [getpid()] } == .own)
        #expect(ListenTable.owner(ofPort: listener.port, first: 1) { [] } == .foreign)
        let port = listener.port
        listener.close()
        #expect(ListenTable.owner(ofPort: port, first: getpid()) { [] } == .nobody)
    }

    @Test("no two claims have one port, and a claim ends with its holder")
    func claims() throws {
        var random = SystemRandomNumberGenerator()
        var held: [PortClaim] = []
        for _ in 0..<200 { held.append(try PortClaim.claim(using: &random)) }
        let ports = held.map(\.port)
        #expect(Set(ports).count == 200)
        #expect(ports.allSatisfy(PortClaim.range.contains))
        #expect(PortClaim.claim(port: ports[0]) == nil)
        held = []
        #expect(PortClaim.claim(port: ports[0]) != nil)
    }

    @Test("a lock is held only once, and is released with its holder")
    func lock() throws {
        let test = try TestState()
        let path = "\(test.state.path)/lock"
        #expect(!FileLock.isHeld(path))
        var lock = try FileLock.acquire(path)
        #expect(lock != nil)
        #expect(try FileLock.acquire(path) == nil)
        #expect(FileLock.isHeld(path))
        lock = nil
        #expect(!FileLock.isHeld(path))
    }

    @Test("a folder watch reports files renamed into place, and locks that end")
    func watch() async throws {
        let test = try TestState()
        let watch = try FolderWatch()
        try watch.add(test.state.path, tag: "t")
        let path = "\(test.state.path)/status.json"
        try StateFile.write(["a": 1], to: path)
        var lock = try FileLock.acquire("\(test.state.path)/lock")
        _ = lock
        lock = nil
        try StateFile.write(["a": 2], to: "\(test.state.path)/last")
        var seen: Set<String> = []
        for await change in watch.changes {
            #expect(change.tag == "t")
            seen.insert(change.file)
            if change.file == "last" { watch.close() }
        }
        #expect(seen.isSuperset(of: ["status.json", "lock", "last"]))
    }

    @Test("state files are complete and private, and damage is told from absence")
    func stateFiles() throws {
        let test = try TestState()
        let path = "\(test.state.path)/x.json"
        #expect(try StateFile.read([String: Int].self, from: path) == nil)
        try StateFile.write(["a": 1], to: path)
        #expect(try StateFile.read([String: Int].self, from: path) == ["a": 1])
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(StateFile.names(in: test.state.path).filter { $0.hasSuffix(".new") } == [])
        try StateFile.write(bytes: Array("{".utf8), to: path)
        #expect(throws: LocalServingError.self) { try StateFile.read([String: Int].self, from: path) }
        #expect(throws: LocalServingError.self) { try StateFile.write(["a": 1], to: "\(test.state.path)/no/x.json") }
    }

    @Test("a cgroup gets its limits if its controllers are delegated, and reports missing controllers otherwise")
    func controlGroup() throws {
        let test = try TestState()
        let root = "\(test.state.path)/cgroup"
        try StateFile.makeFolder("\(root)/service/mlctl-a")
        let own = Array("1:name=x:/\n0::/service/run\n".utf8)
        let limits = Resources(cpuLimitMillicores: 1500, memoryLimitBytes: 1 << 30)
        _ = try test.writeFile("cgroup/service/cgroup.subtree_control", "cpu pids\n")
        let refusal = #expect(throws: ControlGroup.NotEnforced.self) {
            try ControlGroup(instance: "a", resources: limits, root: root, own: own)
        }
        #expect(refusal?.why.contains("no memory cgroup") == true)
        _ = try test.writeFile("cgroup/service/cgroup.subtree_control", "cpu memory pids\n")
        for file in ["memory.max", "cpu.max", "cgroup.procs"] {
            _ = try test.writeFile("cgroup/service/mlctl-a/\(file)", "")
        }
        let group = try ControlGroup(instance: "a", resources: limits, root: root, own: own)
        try group.add(42)
        func text(_ file: String) -> String {
            String(decoding: readSmallFile("\(group.path)/\(file)") ?? [], as: UTF8.self)
        }
        #expect(text("memory.max") == "1073741824")
        #expect(text("cpu.max") == "150000 100000")
        #expect(text("cgroup.procs") == "42")
    }

    @Test(
        "names that lead out of their folder are refused",
        arguments: ["", ".", "..", "a/b", ".hidden", "ä", "a b", "a\0"])
    func unsafeNames(name: String) {
        #expect(!SafeName.isSafe(name))
        #expect(throws: SecretFolder.Missing.self) { try StateFolder("/tmp").secrets.value(of: name) }
    }
}

/// Listens on a free loopback port.
final class Listener {
    let port: Int
    private let raw: Int32

    init() throws {
        let raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.raw = raw
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(raw, address, size) == 0 && listen(raw, 16) == 0 && getsockname(raw, address, &size) == 0
            }
        }
        guard bound else { throw SystemError.last }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    func close() { Glibc.close(raw) }
}
