using System.Buffers.Binary;
using System.Net.Sockets;
using BackupTool.Posix;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Sources.Postgres;

[Collection("pg_dump")]   // some count the programs that this process runs
public sealed class ThreadIdentityTests : IDisposable
{
    private const int SolSocket = 1, SoPeerCred = 17;

    private readonly TestSupport.TemporaryDirectory _temp = new();

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task The_other_end_of_a_socket_is_told_the_other_user_and_no_other_thread_is_anybody_else()
    {
        SystemUser nobody = SystemUser.Find("nobody")!;
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(_temp.Below("socket")));
        listener.Listen();
        File.WriteAllText(_temp.Below("private"), "root's");
        File.SetUnixFileMode(_temp.Below("private"), UnixFileMode.UserRead);
        string[] othersDuringIt = [];

        (Socket client, string read) = await ThreadIdentity.RunAsync(nobody, () =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(_temp.Below("socket")));
            othersDuringIt = EffectiveUsers();
            return (socket, File.ReadAllText(_temp.Below("private")));
        });

        using (client)
        {
            using Socket accepted = await listener.AcceptAsync(Test.Token);
            var credentials = new byte[12];   // struct ucred: pid, uid, gid
            accepted.GetRawSocketOption(SolSocket, SoPeerCred, credentials);
            BinaryPrimitives.ReadUInt32LittleEndian(credentials.AsSpan(4)).Should().Be(nobody.Uid);
            BinaryPrimitives.ReadUInt32LittleEndian(credentials.AsSpan(8)).Should().Be(nobody.Gid);
        }
        read.Should().Be("root's", "the runtime may need its own files meanwhile");
        othersDuringIt.Count(uid => uid == $"{nobody.Uid}").Should().Be(1);
        await PostgresServer.WaitUntilAsync(() => EffectiveUsers().All(uid => uid == $"{SystemUser.Current.Uid}"), "the thread to end");
    }

    [Fact]
    public async Task What_the_action_throws_comes_out()
    {
        Func<Task> run = () => ThreadIdentity.RunAsync<int>(SystemUser.Find("nobody")!, () => throw new InvalidOperationException("no"));
        await run.Should().ThrowAsync<InvalidOperationException>().WithMessage("no");
    }

    [Fact]
    public async Task Ourselves_is_no_switch()
    {
        ThreadIdentity.CanBecome(SystemUser.Current).Should().BeFalse();
        (await ThreadIdentity.RunAsync(SystemUser.Current, () => 7)).Should().Be(7);
    }

    [Fact]
    public void Users_are_looked_up_by_name()
    {
        SystemUser.Find("root").Should().Be(new SystemUser("root", 0, 0, "/root"));
        SystemUser.Find("no-such-user").Should().BeNull();
        SystemUser.Find("").Should().BeNull();
        SystemUser.Find("a\0b").Should().BeNull();
        SystemUser.Current.IsCurrent.Should().BeTrue();
    }

    // "Uid: real effective saved filesystem" (proc_pid_status(5))
    private static string[] EffectiveUsers() => [.. Directory.GetDirectories("/proc/self/task").Select(task => Path.Combine(task, "status")).Where(File.Exists)
        .Select(status => File.ReadLines(status).First(line => line.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t')[2])];
}
