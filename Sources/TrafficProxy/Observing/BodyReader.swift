import Dispatch
import Synchronization

/// Reads copied bodies beside the event loop, one after the other.
///
/// What finds no room is refused, and room is a matter of how many wait, and of their bytes: never of what a body says,
/// nor of its own size. So what is left out is left out by chance.
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

    /// - Parameter bytesMax: passed by one body at most.
    init(bodiesMax: Int, bytesMax: Int) {
        self.bodiesMax = bodiesMax
        self.bytesMax = bytesMax
    }

    /// Those being read included.
    var waitingBodies: Int { line.withLock { $0.waiting } }

    /// - Returns: false where there is no room: it will not be read.
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
