import KubernetesClient
import ModelManifests

extension ClusterStore {
    /// Sees what others change once the records were read, until its task is cancelled. Run it once.
    public func run() async {
        guard let version = await versionsRead.first(where: { _ in true }) else { return }
        let cache = ObjectCache(ModelDeploymentObject.self, of: api, selection, logger: logger)
        let changes = cache.changes()
        let read = known.values.map(\.object)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await cache.run(after: version, read) }
            for await key in changes {
                if let object = cache[key] {
                    follow(object)
                } else {
                    await lookAfter(key)
                }
            }
            group.cancelAll()
        }
        changed.finish()
    }

    /// The watch sees it no more, or has yet to see what was made here: the server is asked which.
    private func lookAfter(_ key: ObjectKey) async {
        let deployment = DeploymentKey(namespace: key.namespace ?? "default", name: key.name)
        guard known[deployment] != nil else { return }
        do {
            let found = try await api.get(ModelDeploymentObject.self, key)
            if let found { follow(found) } else { forget(deployment) }
        } catch {
            changed.yield(deployment)  // The pass will say why it cannot be asked.
        }
    }
}
