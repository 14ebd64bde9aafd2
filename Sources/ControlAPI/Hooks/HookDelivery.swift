import Foundation
import JSON

/// What a git server sent to the hook. Anyone can send it: only its proof, checked against a project's secret, makes it count, and
/// even then it can do no more than have git checked.
struct HookDelivery: Hashable, Sendable {
    enum Sender: String, Hashable, Sendable {
        case gitHub = "GitHub"
        case gitLab = "GitLab"
        case gitea = "Gitea"
        case bitbucket = "Bitbucket"
        /// A script, such as a post-receive hook.
        case other = "a script"
    }

    /// What shows that the sender knows a secret.
    enum Proof: Hashable, Sendable {
        case none
        /// HMAC-SHA256 of the body, in hex.
        case signature(String)
        /// The secret itself.
        case token(String)
    }

    enum Event: Hashable, Sendable {
        /// References that were created, moved or deleted; none where the body names none that can be read.
        case push([String])
        /// The first delivery, with which a server tries the address.
        case greeting
        /// An event about which git is not checked.
        case other
    }

    static let longestId = 128
    static let mostReferences = 1_000
    private static let longestReference = 512

    var sender: Sender
    var event: Event
    var proof: Proof
    /// The delivery's own id; nil where the server gives none.
    var id: String?
    /// The repository as `owner/name` in lower case, from each address in the body.
    var repositories: Set<String> = []

    /// - Parameters:
    ///   - field: a header's value by its name in lower case.
    ///   - body: JSON, or a form with the JSON as `payload`, as GitHub can send it.
    init(field: (String) -> String?, body: Data) {
        (sender, proof, id) = Self.identity(field)
        let payload = Self.payload(body)
        repositories = Self.repositories(in: payload)
        event = Self.event(field, payload, sender: sender)
    }

    private static func identity(_ field: (String) -> String?) -> (Sender, Proof, String?) {
        func id(_ name: String) -> String? { field(name).map { String($0.prefix(longestId)) } }
        func signature(_ name: String) -> Proof {
            guard let value = field(name) else { return .none }
            return .signature(value.hasPrefix("sha256=") ? String(value.dropFirst("sha256=".count)) : value)
        }
        // Gitea and Forgejo also send GitHub's headers, so theirs come first.
        for kind in ["forgejo", "gitea", "gogs"] where field("x-\(kind)-event") != nil {
            return (.gitea, signature("x-\(kind)-signature"), id("x-\(kind)-delivery"))
        }
        if field("x-gitlab-event") != nil {
            return (.gitLab, field("x-gitlab-token").map(Proof.token) ?? .none, id("x-gitlab-event-uuid"))
        }
        if field("x-event-key") != nil {
            return (.bitbucket, signature("x-hub-signature"), id("x-request-uuid") ?? id("x-request-id"))
        }
        if field("x-github-event") != nil {
            return (.gitHub, signature("x-hub-signature-256"), id("x-github-delivery"))
        }
        return (.other, signature("x-hub-signature-256"), nil)
    }

    private static func payload(_ body: Data) -> JSONValue {
        let isForm = body.starts(with: Data("payload=".utf8))
        let json = isForm ? FormBody(parsing: body)?["payload"].map { Data($0.utf8) } ?? body : body
        return (try? JSONValue(parsing: json)) ?? .null
    }

    private static func event(_ field: (String) -> String?, _ payload: JSONValue, sender: Sender) -> Event {
        let name: String? =
            switch sender {
            case .gitHub: field("x-github-event")
            case .gitea: field("x-forgejo-event") ?? field("x-gitea-event") ?? field("x-gogs-event")
            case .gitLab: field("x-gitlab-event")
            case .bitbucket: field("x-event-key")
            case .other: nil
            }
        switch name?.lowercased() {
        case nil, "push", "create", "delete", "push hook", "tag push hook", "system hook", "repo:push",
            "repo:refs_changed", "mirror:repo_synchronized":
            return .push(references(in: payload))
        case "ping", "diagnostics:ping": return .greeting
        default: return .other
        }
    }

    private static func references(in payload: JSONValue) -> [String] {
        var found: [String] = []
        if let ref = payload["ref"]?.text {
            // `create` and `delete` name a tag or branch without its folder.
            switch payload["ref_type"]?.text {
            case "tag" where !ref.hasPrefix("refs/"): found.append("refs/tags/\(ref)")
            case "branch" where !ref.hasPrefix("refs/"): found.append("refs/heads/\(ref)")
            default: found.append(ref)
            }
        }
        for change in (payload["push"]?["changes"]?.items ?? []) + (payload["changes"]?.items ?? []) {
            if let id = change["ref"]?["id"]?.text { found.append(id) }
            for side in ["new", "old"] {
                guard let name = change[side]?["name"]?.text else { continue }
                found.append(change[side]?["type"]?.text == "tag" ? "refs/tags/\(name)" : "refs/heads/\(name)")
            }
            if found.count >= mostReferences { break }
        }
        return found.filter { $0.utf8.count <= longestReference }
    }

    private static func repositories(in payload: JSONValue) -> Set<String> {
        var addresses: [String] = []
        for place in ["repository", "project"] {
            let repository = payload[place]
            for name in ["clone_url", "ssh_url", "html_url", "git_http_url", "git_ssh_url", "web_url"] {
                if let address = repository?[name]?.text { addresses.append(address) }
            }
            let links = repository?["links"]
            if let address = links?["html"]?["href"]?.text { addresses.append(address) }
            addresses += (links?["clone"]?.items ?? []).prefix(8).compactMap { $0["href"]?.text }
        }
        return Set(addresses.compactMap(repositoryName))
    }

    /// `owner/name` in lower case of a git address, whatever its scheme: the last two parts of its path.
    static func repositoryName(_ address: String) -> String? {
        var path = address.lowercased()
        if let scheme = path.firstRange(of: "://") {
            path = path[scheme.upperBound...].split(separator: "/", maxSplits: 1).dropFirst().joined()
        } else if let colon = path.firstIndex(of: ":") {
            path = String(path[path.index(after: colon)...])
        }
        let parts = path.split(separator: "/").suffix(2).map(String.init)
        guard var last = parts.last else { return nil }
        if last.hasSuffix(".git") { last.removeLast(".git".count) }
        return (parts.dropLast() + [last]).joined(separator: "/")
    }
}
