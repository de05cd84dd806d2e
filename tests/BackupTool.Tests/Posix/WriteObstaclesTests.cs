using BackupTool.Posix;
using BackupTool.Tests.Services.Sources;

namespace BackupTool.Tests.Posix;

public sealed class WriteObstaclesTests
{
    [Fact]
    public void Nothing_keeps_root_from_writing_where_nobody_may_not()
    {
        using var there = new TestSupport.TemporaryDirectory();
        BytePath directory = there.Path.Combine("closed");
        PosixDirectory.Current.CreateDirectory(directory);
        PosixDirectory.Current.SetMode(there.Path, 0x1ed);
        PosixDirectory.Current.SetMode(directory, 0x16d /* 0555 */);
        WriteObstacles.FindIn(directory).Should().Be(WriteObstacle.None);
        AsNobody.Run(() => WriteObstacles.FindIn(directory)).Should().Be(WriteObstacle.NoPermission);
    }

    [Fact]
    public void A_read_only_file_system_is_seen()
    {
        WriteObstacles.IsOnReadOnlyFileSystem(BytePath.From("/")).Should().BeFalse();
        using var there = new TestSupport.TemporaryDirectory();
        TestSupport.Tool.Run("mount", "-t", "tmpfs", "-o", "ro", "none", there.Text);
        try
        {
            WriteObstacles.FindIn(there.Path).Should().Be(WriteObstacle.ReadOnlyFileSystem);
        }
        finally
        {
            TestSupport.Tool.Run("umount", there.Text);
        }
    }

    [Fact]
    public void Groups_are_found_by_their_names()
    {
        PosixIdentity.FindGroup("daemon").Should().Be(1);
        PosixIdentity.FindGroup("no-such-group").Should().BeNull();
        PosixIdentity.FindGroup("").Should().BeNull();
    }
}
