using System.Buffers.Binary;
using System.Net.Sockets;

namespace BackupTool.EndToEnd.Support;

/// <summary>
/// Writes 1, 2, 3, … to every store, one after the other, each number to the first store first, as fast as they answer. When one is down it waits there, connects again and sends the same number.
/// </summary>
internal sealed class LedgerDriver : IDisposable
{
    private readonly string[] _sockets;
    private readonly NetworkStream?[] _streams;
    private readonly Thread _thread;
    private readonly List<DateTimeOffset> _doneAt = [];
    private long _begun;
    private int _connections;
    private bool _isOver;
    private TimeSpan _longestWait;

    internal LedgerDriver(params string[] sockets)
    {
        _sockets = sockets;
        _streams = new NetworkStream?[sockets.Length];
        _thread = new Thread(Drive) { IsBackground = true, Name = "driver" };
        _thread.Start();
    }

    /// <summary>The number that is in every store, as all have said.</summary>
    internal long Done
    {
        get { lock (_doneAt) return _doneAt.Count; }
    }

    /// <summary>The number that was sent last.</summary>
    internal long Begun => Volatile.Read(ref _begun);

    /// <summary>How often it had to connect to a store.</summary>
    internal int Connections => Volatile.Read(ref _connections);

    /// <summary>The longest that one number took through all stores since this was last asked.</summary>
    internal TimeSpan TakeLongestWait()
    {
        lock (_doneAt) return (_longestWait, _longestWait = default).Item1;
    }

    /// <summary>The last number that every store had said it had, at a moment.</summary>
    internal long DoneBefore(DateTimeOffset moment)
    {
        lock (_doneAt)
        {
            int index = _doneAt.BinarySearch(moment);
            return index < 0 ? ~index : index;
        }
    }

    /// <summary>Waits until so many more numbers are in all stores.</summary>
    internal async Task WaitForAsync(long more)
    {
        long goal = Done + more;
        for (int i = 0; Done < goal; i++)
        {
            if (i > 3000) throw new TimeoutException($"the stores stand still at {Done}");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    public void Dispose()
    {
        Volatile.Write(ref _isOver, true);
        _thread.Join();
        foreach (NetworkStream? stream in _streams) stream?.Dispose();
    }

    private void Drive()
    {
        var message = new byte[8];
        for (long number = 1; ; number++)
        {
            DateTimeOffset from = DateTimeOffset.UtcNow;
            Volatile.Write(ref _begun, number);
            for (int store = 0; store < _sockets.Length; store++)
            {
                while (!TrySend(store, number, message))
                {
                    if (Volatile.Read(ref _isOver)) return;
                    Thread.Sleep(2);
                }
            }
            DateTimeOffset now = DateTimeOffset.UtcNow;
            lock (_doneAt)
            {
                _doneAt.Add(now);
                if (now - from > _longestWait) _longestWait = now - from;
            }
            if (Volatile.Read(ref _isOver)) return;
        }
    }

    private bool TrySend(int store, long number, byte[] message)
    {
        try
        {
            NetworkStream stream = _streams[store] ??= Connect(_sockets[store]);
            BinaryPrimitives.WriteInt64BigEndian(message, number);
            stream.Write(message);
            stream.ReadExactly(message);
            return true;
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            _streams[store]?.Dispose();
            _streams[store] = null;
            return false;
        }
    }

    private NetworkStream Connect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            Interlocked.Increment(ref _connections);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
