import Testing

@testable import Commands

@Suite("Trusted files") struct TrustRulesTests {
    private static let user: UInt32 = 1000
    private static let rules = TrustRules(user: user, privateGroup: 1000, groups: [1000, 1001, 65532])

    private func facts(
        _ mode: UInt32, owner: UInt32 = user, group: UInt32 = 1000, _ kind: FileFacts.Kind = .file, mount: Bool = false
    ) -> FileFacts {
        FileFacts(kind: kind, owner: owner, group: group, mode: mode, isMountPoint: mount)
    }

    private func isGood(_ facts: FileFacts, _ use: TrustRules.Use, _ rules: TrustRules = Self.rules) -> Bool {
        rules.problem(with: facts, at: "/x", as: use) == nil
    }

    @Test(
        "only its owner may write to a state folder",
        arguments: [
            (0o700, true), (0o755, true), (0o711, true), (0o770, false), (0o775, false), (0o777, false),
            (0o1777, false), (0o702, false), (0o720, false), (0o2777, false),
        ] as [(UInt32, Bool)])
    func stateFolder(mode: UInt32, isGood good: Bool) {
        #expect(isGood(facts(mode, .folder), .stateFolder) == good)
        let problem = Self.rules.problem(with: facts(mode, .folder), at: "/x", as: .stateFolder)
        #expect(problem.map { $0.advice.contains("chmod 700 /x") } ?? good)
    }

    @Test(
        "only its owner may read a secret, or a group of this process if root owns it",
        arguments: [
            (0o600, 1000, 1000, true), (0o400, 1000, 1000, true), (0o640, 1000, 1000, false),
            (0o604, 1000, 1000, false),
            (0o644, 1000, 1000, false), (0o660, 1000, 1000, false), (0o602, 1000, 1000, false),
            (0o440, 0, 65532, true), (0o640, 0, 1001, true), (0o640, 0, 4, false), (0o660, 0, 1001, false),
            (0o444, 0, 65532, false), (0o600, 0, 0, true), (0o600, 1002, 1000, false), (0o440, 1002, 1001, false),
        ] as [(UInt32, UInt32, UInt32, Bool)])
    func secrets(mode: UInt32, owner: UInt32, group: UInt32, isGood good: Bool) {
        #expect(isGood(facts(mode, owner: owner, group: group), .secret) == good)
    }

    @Test(
        "all may read settings, and only their owner may change them",
        arguments: [
            (0o644, 1000, 1000, true), (0o664, 1000, 1000, true), (0o664, 1000, 1001, false),
            (0o646, 1000, 1000, false),
            (0o644, 0, 0, true), (0o644, 1002, 1002, false),
        ] as [(UInt32, UInt32, UInt32, Bool)])
    func settings(mode: UInt32, owner: UInt32, group: UInt32, isGood good: Bool) {
        #expect(isGood(facts(mode, owner: owner, group: group), .settings) == good)
    }

    @Test(
        "nobody else may replace a folder on the path; in a sticky folder nobody can",
        arguments: [
            (0o755, 0, 0, true), (0o1777, 0, 0, true), (0o777, 0, 0, false), (0o775, 0, 50, false),
            (0o775, 1000, 1000, true), (0o755, 1002, 1000, false), (0o1777, 1002, 1000, false), (0o1775, 0, 50, true),
        ] as [(UInt32, UInt32, UInt32, Bool)])
    func ways(mode: UInt32, owner: UInt32, group: UInt32, isGood good: Bool) {
        #expect(isGood(facts(mode, owner: owner, group: group, .folder), .way) == good)
    }

    @Test(
        "a mounted volume in a pod may be open to all; elsewhere, or without a mount, it may not")
    func pods() {
        var pod = Self.rules
        pod.isInPod = true
        let volume = facts(0o2777, owner: 0, group: 65532, .folder, mount: true)
        for use in [TrustRules.Use.stateFolder, .way] {
            #expect(isGood(volume, use, pod) && !isGood(volume, use))
            #expect(!isGood(facts(0o2777, owner: 0, group: 65532, .folder), use, pod))
            #expect(!isGood(facts(0o777, owner: 1002, .folder, mount: true), use, pod))
        }
        #expect(!isGood(facts(0o666, owner: 0, mount: true), .secret, pod))
    }

    @Test("the owner of / may own any file; another user may not, even if nobody else can write to it")
    func owners() {
        var nested = Self.rules
        nested.machineOwner = 65534
        #expect(isGood(facts(0o755, owner: 65534, .folder), .way, nested))
        #expect(!isGood(facts(0o755, owner: 65534, .folder), .way))
        #expect(!isGood(facts(0o700, owner: 1002, .folder), .stateFolder))
        #expect(Self.rules.problem(withLink: facts(0o777, owner: 1002, .link(to: "/")), at: "/l") != nil)
        #expect(Self.rules.problem(withLink: facts(0o777, owner: Self.user, .link(to: "/")), at: "/l") == nil)
    }

    @Test("only a regular file can be a secret or settings", arguments: [FileFacts.Kind.folder, .other])
    func kinds(kind: FileFacts.Kind) {
        #expect(!isGood(facts(0o600, kind), .secret) && !isGood(facts(0o600, kind), .settings))
        #expect(!isGood(facts(0o600, .file), .stateFolder))
    }
}

@Suite("The path to a file") struct PathWalkTests {
    private static let mine = FileFacts(kind: .folder, owner: 1000, group: 1000, mode: 0o700)
    private static let root = FileFacts(kind: .folder, owner: 0, group: 0, mode: 0o755)
    private static let tmp = FileFacts(kind: .folder, owner: 0, group: 0, mode: 0o1777)
    private static let rules = TrustRules(user: 1000, privateGroup: nil, groups: [1000])

    private func link(_ target: String, owner: UInt32 = 1000) -> FileFacts {
        FileFacts(kind: .link(to: target), owner: owner, group: owner, mode: 0o777)
    }

    private func problem(_ path: String, _ tree: [String: FileFacts]) throws -> TrustProblem? {
        let walk = PathWalk { $0 == "/" ? Self.root : tree[$0] }
        return Self.rules.problem(with: try walk.steps(to: path), as: .stateFolder)
    }

    @Test("every folder and every link on the path is checked")
    func steps() throws {
        let tree = [
            "/tmp": Self.tmp, "/tmp/me": Self.mine, "/tmp/me/s": Self.mine, "/tmp/l": link("me/s"),
            "/tmp/evil": link("me/s", owner: 1002), "/open": FileFacts(kind: .folder, owner: 0, group: 0, mode: 0o777),
            "/open/s": Self.mine, "/tmp/in": link("/open/s"), "/tmp/up": link("../tmp/me/./s"),
        ]
        #expect(try problem("/tmp/me/s", tree) == nil && problem("/tmp/l", tree) == nil)
        #expect(try problem("/tmp/me/../me/s/", tree) == nil && problem("/tmp/up", tree) == nil)
        #expect(try problem("/tmp/evil", tree)?.path == "/tmp/evil")
        #expect(try problem("/open/s", tree)?.path == "/open")
        #expect(try problem("/tmp/in", tree)?.path == "/open")
        #expect(try problem("/tmp/me/new/deep", tree) == nil)
        #expect(try problem("/open/new", tree)?.path == "/open")
        #expect(try problem("/tmp", tree)?.path == "/tmp")
    }

    @Test("circular links end, and a file in the middle of the path is reported")
    func ends() {
        #expect(throws: TrustProblem.self) { try problem("/a", ["/a": link("b"), "/b": link("a")]) }
        let file = FileFacts(kind: .file, owner: 1000, group: 1000, mode: 0o600)
        #expect(throws: TrustProblem.self) { try problem("/f/s", ["/f": file]) }
    }

    @Test("mount points are parsed as the kernel writes them")
    func mounts() {
        let text = """
            22 1 0:20 / / rw,relatime - overlay overlay rw
            30 22 0:25 / /var/lib/my\\040state rw,relatime shared:1 - tmpfs tmpfs rw

            broken line
            """
        #expect(MountPoints.parse(text) == ["/", "/var/lib/my state"])
    }
}
