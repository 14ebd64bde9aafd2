import Dispatch
import Synchronization

/// Reads copied bodies outside the event loop, one after the other.
///
/// A body is refused if there is no room. Room depends only on the number and the bytes of waiting bodies, never on the content
/// or size of this body. So the bodies that are left out are a random selection.
final class BodyReader: Sendable {
    private struct Line {
        var jobs: [(bytes: Int, read: @Sendable () -> Void)] = []
        var waiting = 0
        var bytes = 0
        var isDrained = true
    }

    private let bodiesMax: Int
    private let bytesMax: Int
    private let line = Mutex(Line())
    private let queue = DispatchQueue(label: "mlctl.proxy.bodies", qos: .utility)

    /// - Parameter bytesMax: the limit of waiting bytes. The last accepted body may exceed it.
    init(bodiesMax: Int, bytesMax: Int) {
        self.bodiesMax = bodiesMax
        self.bytesMax = bytesMax
    }

    /// Including those that are being read.
    var waitingBodies: Int { line.withLock { $0.waiting } }

    /// - Returns: false if there is no room. Then the body is not read.
    func submit(bytes: Int, _ read: @escaping @Sendable () -> Void) -> Bool {
        let (isTaken, wakes) = line.withLock { line in
            guard line.waiting < bodiesMax, line.bytes < bytesMax else { return (false, false) }
            line.jobs.append((bytes, read))
            line.waiting += 1
            line.bytes += bytes
            defer { line.isDrained = false }
            return (true, line.isDrained)
        }
        if wakes { queue.async { [self] in drain() } }
        return isTaken
    }

    private func drain() {
        while true {
            let jobs = line.withLock { line in
                defer { line.jobs = [] }
                line.isDrained = line.jobs.isEmpty
                return line.jobs
            }
            if jobs.isEmpty { return }
            for job in jobs {
                job.read()
                line.withLock { line in
                    line.waiting -= 1
                    line.bytes -= job.bytes
                }
            }
        }
    }
}
