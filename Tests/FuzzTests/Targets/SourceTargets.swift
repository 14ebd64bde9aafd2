import Foundation
import HTTP1
import ModelManifests
import SafeText

@testable import GitSource
@testable import ModelStorage

/// The output of git, the content of repositories, and the answers of model stores.
extension FuzzTarget {
    static let gitOutput = FuzzTarget(
        "git-output", reads: "git's output about a repository: trees, changes, blobs, references", of: ["GitSource"],
        words: FuzzTargets.extremes + [
            "\u{0}", "\t", "\n", "100644 blob ", "120000 blob ", "160000 commit ", ":100644 100644 ", " M\u{0}",
            " D\u{0}", " blob ",
            " missing\n", "a.yaml", "b.yml", "0123456789012345678901234567890123456789", "refs/heads/main",
            "refs/tags/v1",
        ]
    ) { input in
        for entry in TreeEntry.entries(ofListing: input) {
            try demand(
                TreePlan.matters(entry.kind, Array(entry.path.utf8)) || !entry.hasReadableName,
                "\(entry) does not matter")
        }
        let change = TreeChange(input)
        try demand(change.removed.isDisjoint(with: change.present.map(\.path)), "a path is both removed and present")
        let contents = BlobReader.contents(ofBatch: input)
        var bytes = 0
        for text in contents.values.compactMap(\.text) { bytes += text.utf8.count }
        try demand(bytes <= input.count, "\(bytes) bytes of \(input.count)")
        for (name, id) in RemoteLook.references(in: input) {
            try demand(GitReference.isObjectID(id) && !name.isEmpty, "\(name) is at \(id)")
        }
    }

    static let gitWords = FuzzTarget(
        "git-words", reads: "addresses, references, versions, credential files and git's own messages",
        of: ["GitSource", "SafeText"],
        words: FuzzTargets.extremes + [
            "https://", "ssh://", "file:///", "user:s3cr3t@", "host", ":443", "/", "?", "#", "@", "git@host:path", "::",
            "--upload-pack",
            "v1.2.3", "-rc.1", "+build", ">=1.2 <2", "~1.4", "^1", "1.x", " - ", "||", "!=", "*", "refs/heads/",
            "refs/tags/", "..",
            ".lock", "username=", "password=", "fatal: ", "error: 403", "early eof", "%2F", "\n",
            "18446744073709551614", "[GNUPG:] GOODSIG ", "[GNUPG:] VALIDSIG ", "[GNUPG:] NO_PUBKEY ",
            "Good \"git\" signature for ", " with ED25519 key SHA256:x", "No principal matched.",
        ]
    ) { input in
        let text = String(decoding: input, as: UTF8.self)
        try checkSignature(text)
        try checkLocation(text)
        try checkVersions(text)
        for reference in [try? GitReference(text), try? GitReference(branch: text), try? GitReference(tag: text)] {
            guard let reference else { continue }
            try demand(!reference.description.hasPrefix("-"), "\(reference) looks like an option")
            try demand(reference.candidates.allSatisfy { $0.hasPrefix("refs/") }, "\(reference.candidates)")
        }
        let lines = text.split(whereSeparator: \.isNewline).map(String.init)
        if let found = GitCredentialReader.credentials(in: lines, for: "https://host") {
            try demand(found.answer.map { $0.count { $0 == "\n" } <= 2 } ?? true, "an answer of several lines a field")
        }
        if let location = try? GitLocation("https://host/a") {
            let error = GitFailure.error(in: text, doing: "Fetching", from: location)
            try demand(!error.message.contains("\n") && error.message.count < 1000, "the message is: \(error.message)")
        }
    }

    /// gpg and ssh-keygen print names that the owner of a key has chosen.
    private static func checkSignature(_ text: String) throws {
        for rule in [SignatureRule.allowedSigners("/s"), .gpgKeyring("/k")] {
            if case .valid = SignatureVerdict(isSuccess: false, output: text, rule: rule) {
                try demand(false, "a failure is a valid signature")
            }
            switch SignatureVerdict(isSuccess: true, output: text, rule: rule) {
            case .valid(let words), .invalid(let words):
                try demand(
                    !words.contains("\n") && !words.contains("\u{1b}") && words.count < 300, "the words are: \(words)")
            case .missing: try demand(false, "a success is a missing signature")
            }
        }
        _ = SignatureCheck.name(inTag: text)
    }

    private static func checkLocation(_ text: String) throws {
        let secret = "s3cr3t"
        do {
            let location = try GitLocation(text, base: "/work")
            try demand(!location.address.hasPrefix("-"), "\(location) looks like an option")
            guard location.transport == .https else { return }
            try demand(UserInfo.of(text) == nil, "credentials are taken in an address")
            try demand(!location.address.contains("@") || location.address.contains("/"), "\(location) has a user")
        } catch let error as GitError {
            guard let start = text.firstRange(of: "://"), let at = text.lastIndex(of: "@") else { return }
            let before = text[start.upperBound...].prefix { $0 != "@" && $0 != "?" && $0 != "#" && $0 != "/" }
            guard text.ranges(of: secret).count == 1, before.contains(secret), at >= before.endIndex else { return }
            try demand(!error.message.contains(secret), "a password is shown: \(error.message)")
        }
    }

    private static func checkVersions(_ text: String) throws {
        if let version = SemanticVersion(text) {
            try demand(SemanticVersion(version.description) == version, "\(version) is another version")
            try demand(!(version < version), "\(version) is before itself")
        }
        guard let range = try? VersionRange(text) else { return }
        let tags = ["v0.1.0", "1.2.3", "1.2.3-rc.1", "v2.0.0", "2.0.0-0", "18446744073709551615.0.0", "main", text]
        if let best = range.best(of: tags) {
            guard let version = SemanticVersion(best) else { throw Violation(description: "\(best) is not a version") }
            try demand(range.contains(version), "\(best) is not in \(range)")
        }
        try demand((try? VersionRange(range.description)) == range, "\(range) is another range")
    }

    static let storageAnswer = FuzzTarget(
        "storage-answer", reads: "heads of model stores' answers, and addresses of models", of: ["ModelStorage"],
        words: FuzzTargets.extremes + [
            "HTTP/1.1 206 Partial Content\n", "HTTP/1.1 200 OK\n", "HTTP/1.1 429\n", "etag: \"a\"\n", "etag: W/\"a\"\n",
            "last-modified: ",
            "content-length: ", "content-range: bytes 5-9/10\n", "bytes */10", "retry-after: ",
            "location: https://h/b\n", "https://",
            "http://127.0.0.1/", "file:///", "file:./", "%00", "%2e%2e/", "user:s3cr3t@", "?sig=", "sha256:",
        ]
    ) { input in
        let text = String(decoding: input, as: UTF8.self)
        var head = ModelStorage.ResponseHead()
        for line in text.split(whereSeparator: \.isNewline).prefix(64) { head.take(String(line)) }
        for number in [head.contentLength, head.rangeStart, head.rangeTotal, head.totalBytes] {
            try demand(number.map { $0 >= 0 } ?? true, "a negative length in \(head)")
        }
        try demand(head.retryAfterSeconds.map { $0 >= 0 } ?? true, "a negative wait in \(head)")
        if head.body(after: 5) == .append { try demand(head.rangeStart == 5, "continued at another offset: \(head)") }
        try checkDownload(head)
        for base in [nil, "/models"] {
            guard let location = try? ModelStorage.ModelLocation(text, base: base) else { continue }
            switch location {
            case .file(let path):
                try demand(path.hasPrefix("/") && !path.utf8.contains(0), "a path \(path.debugDescription)")
            case .remote(let remote):
                let name = remote.fileName ?? "a folder"
                try demand(PathSet.isUsable(name), "a file \(name.debugDescription)")
            case .reference(let reference):
                try demand(!reference.description.contains(" "), "\(reference) has a blank")
            case .fetched(let fetched):
                try demand(fetched.address.hasPrefix("\(fetched.name):"), "\(fetched.address)")
            case .web(let web):
                let name = web.fileName
                try demand(
                    !name.contains("/") && name != ".." && name != "." && !name.isEmpty,
                    "a file \(name.debugDescription)")
                if text.ranges(of: "s3cr3t").count == 1,
                    text.contains("://user:s3cr3t@") || text.contains("?sig=s3cr3t")
                {
                    try demand(!web.description.contains("s3cr3t"), "a secret is shown: \(web)")
                }
            }
        }
        if let digest = try? ContentDigest(text) {
            try demand((try? ContentDigest(digest.description)) == digest, "\(digest) is another digest")
        }
    }

    /// Checks that a download ends, and that its offsets and waits stay valid, whatever a server answers.
    private static func checkDownload(_ head: ModelStorage.ResponseHead) throws {
        let origin = try WebLocation("https://h/a")
        let limits = StorageLimits()
        var plan = TransferPlan(origin: origin, isVerified: false, validator: "\"a\"", limits: limits)
        var action = plan.start(bytes: 5)
        // Each attempt may wait once.
        for _ in 0...2 * limits.maximumAttemptsInAll + limits.maximumRedirects {
            switch action {
            case .request(let request):
                try demand(request.offset >= 0, "requested from offset \(request.offset)")
                action = plan.ended(.answered(head, redirect: "https://h/b"), bytes: 10, before: 5)
            case .wait(let time, let request):
                try demand(time >= .zero && time <= limits.maximumBackoff, "waits for \(time)")
                action = .request(request)
            case .complete, .unchanged, .fail: return
            }
        }
        try demand(false, "a download that does not end")
    }
}
