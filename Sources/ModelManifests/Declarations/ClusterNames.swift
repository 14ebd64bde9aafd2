/// Names that mlctl's own objects have in a cluster.
package enum ClusterNames {
    /// Objects that all deployments of a namespace share.
    package static let reserved: Set<String> = ["mlctl-proxy", "mlctl-proxy-key"]
}

/// Names of the objects of a deployment's revisions: the deployment's name, `-`, and the revision.
enum RevisionNames {
    private static let nameLimitBytes = 63
    private static let hashDigits = 8
    private static let revisionDigits = 10

    /// The name without its revision; nil where the name does not end in a revision.
    static func base(of name: String) -> Substring? {
        let parts = name.utf8.count > revisionDigits + 1 ? name.suffix(revisionDigits + 1) : ""
        guard parts.first == "-", parts.dropFirst().allSatisfy({ $0.isASCII && $0.isHexDigit && !$0.isUppercase })
        else { return nil }
        return name.dropLast(revisionDigits + 1)
    }

    /// The part before the revision in the names of a deployment's objects. A name that is too long is cut, and ends in a hash of
    /// the whole name.
    static func base(ofDeployment name: String) -> Substring {
        let room = nameLimitBytes - revisionDigits - 1
        guard name.utf8.count > room else { return name[...] }
        let hash = Revision(of: name).rawValue.prefix(hashDigits)
        return "\(name.prefix(room - hashDigits - 1))-\(hash)"
    }

    /// Finds the cluster deployment that an object's name belongs to.
    struct Owners {
        private var byBase: [DeploymentKey: DeploymentKey] = [:]

        init(_ keys: some Sequence<DeploymentKey>) {
            for key in keys {
                byBase[DeploymentKey(namespace: key.namespace, name: String(base(ofDeployment: key.name)))] = key
            }
        }

        /// Another deployment that has, or may get, objects with this name.
        func owner(ofObjectNamed key: DeploymentKey) -> DeploymentKey? {
            guard let base = base(of: key.name) else { return nil }
            let owner = byBase[DeploymentKey(namespace: key.namespace, name: String(base))]
            return owner == key ? nil : owner
        }
    }
}
