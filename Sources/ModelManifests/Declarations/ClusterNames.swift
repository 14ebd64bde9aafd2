/// Names in a cluster that mlctl's own objects have.
public enum ClusterNames {
    /// Objects that a namespace's deployments share.
    public static let reserved: Set<String> = ["mlctl-proxy", "mlctl-proxy-key"]
}

/// How the objects of a deployment's revisions are called: the deployment's name, `-`, and the revision.
enum RevisionNames {
    private static let nameLimitBytes = 63
    private static let hashDigits = 8
    private static let revisionDigits = 10

    /// The name without its revision; nil where it does not end in one.
    static func base(of name: String) -> Substring? {
        let parts = name.utf8.count > revisionDigits + 1 ? name.suffix(revisionDigits + 1) : ""
        guard parts.first == "-", parts.dropFirst().allSatisfy({ $0.isASCII && $0.isHexDigit && !$0.isUppercase })
        else { return nil }
        return name.dropLast(revisionDigits + 1)
    }

    /// What stands before a revision in the names of a deployment's objects: names that are too long are cut, and end in
    /// a hash of the whole.
    static func base(ofDeployment name: String) -> Substring {
        let room = nameLimitBytes - revisionDigits - 1
        guard name.utf8.count > room else { return name[...] }
        let hash = Revision(of: name).rawValue.prefix(hashDigits)
        return "\(name.prefix(room - hashDigits - 1))-\(hash)"
    }

    /// Deployments of clusters by what their objects' names begin with.
    struct Owners {
        private var byBase: [DeploymentKey: DeploymentKey] = [:]

        init(_ keys: some Sequence<DeploymentKey>) {
            for key in keys {
                byBase[DeploymentKey(namespace: key.namespace, name: String(base(ofDeployment: key.name)))] = key
            }
        }

        /// Another deployment that has, or may come to have, objects of that name.
        func owner(ofObjectNamed key: DeploymentKey) -> DeploymentKey? {
            guard let base = base(of: key.name) else { return nil }
            let owner = byBase[DeploymentKey(namespace: key.namespace, name: String(base))]
            return owner == key ? nil : owner
        }
    }
}
