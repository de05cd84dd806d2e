namespace BackupTool.EndToEnd.Support;

/// <summary>Units of services as they are met with, small.</summary>
internal static class StackUnits
{
    /// <summary>Answers HTTP; what it does else is said by its arguments: <c>port=</c>, <c>delay=</c> seconds before it listens, <c>code=</c>, <c>ignore-term=1</c>.</summary>
    internal const string Program = """
        import os, signal, socket, sys, time
        asked = dict(a.split('=', 1) for a in sys.argv[1:])
        if 'ignore-term' in asked: signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(float(asked.get('delay', '0')))
        if 'LISTEN_FDS' in os.environ: listener = socket.socket(fileno=3)
        else:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(('127.0.0.1', int(asked['port'])))
            listener.listen(64)
        print('answers', flush=True)
        while True:
            client, _ = listener.accept()
            try:
                client.settimeout(2)
                client.recv(4096)
                client.sendall(b'HTTP/1.1 %s Said\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok' % asked.get('code', '200').encode())
            except OSError: pass
            finally: client.close()
        """;

    /// <summary>A service that answers on a port.</summary>
    internal static string Answering(StackMachine machine, string arguments, string more = "", string unit = "") =>
        Running($"/usr/bin/python3 {machine.Below("service.py")} {arguments}", more, unit);

    /// <summary>A service that does nothing.</summary>
    internal static string Idle(string more = "", string unit = "") => Running("/bin/sleep infinity", more, unit);

    internal static string Running(string command, string more = "", string unit = "") =>
        $"[Unit]\n{unit}\n[Service]\nExecStart={command}\n{more}\n[Install]\nWantedBy=multi-user.target";

    internal static string Socket(int port) => $"[Socket]\nListenStream=127.0.0.1:{port}";

    internal static string Http(int port, string more = "") => $"health = {{ url = \"http://127.0.0.1:{port}/\"{more} }}";
}
