import Testing

@testable import ModelManifests

@Suite struct CommitDescentTests {
    private static let earlier = "aaaa"

    private static let answers: [(String, Int32, Bool, Bool, CommitDescent?)] = [
        ("aaaabbbb", 0, false, true, .follows), ("cccc", 0, false, true, .diverged), ("cccc", 0, true, true, .diverged),
        ("", 1, false, true, .unrelated), ("", 1, true, true, .cutOff),
        ("", 128, false, false, .missing), ("", 128, true, false, .cutOff), ("", 128, false, true, nil),
        ("", 128, true, true, nil),
    ]

    @Test(arguments: answers)
    func `git's answer says how a commit follows another`(
        _ answer: (base: String, exitCode: Int32, isShallow: Bool, hasEarlier: Bool, expected: CommitDescent?)
    ) {
        #expect(
            CommitDescent(
                mergeBase: answer.base, exitCode: answer.exitCode, earlier: Self.earlier, isShallow: answer.isShallow,
                hasEarlier: answer.hasEarlier) == answer.expected)
    }
}

@Suite struct ManifestOriginTests {
    @Test func `a file is below a path by whole names`() {
        for path in ["", ".", "./", "deploy", "./deploy/", "deploy/x", "deploy/x/a.yaml"] {
            #expect(ManifestOrigin.isBelow(path, "deploy/x/a.yaml"))
        }
        for path in ["deploy/y", "dep", "deploy/x/a.yaml/b", "x"] {
            #expect(!ManifestOrigin.isBelow(path, "deploy/x/a.yaml"))
        }
    }
}
